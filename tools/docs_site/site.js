// Search, and the list of pages on a narrow screen. The index is read when the search field is first used.
"use strict";

(() => {
  const root = document.currentScript.dataset.root;
  const field = document.getElementById("search"), list = document.getElementById("found");
  const MOST = 12, AROUND = 60;
  let index = null, chosen = -1;

  function load() {
    if (index) return;
    index = [];
    const script = document.createElement("script");
    script.src = `${root}/search.js`;
    script.onload = () => { index = window.searchIndex; search(); };
    document.head.append(script);
  }

  // A word in a heading counts more than one in the text, at the beginning of a word more than within one.
  function score(section, words) {
    const title = `${section.title} ${section.page}`.toLowerCase(), text = section.text.toLowerCase();
    let sum = words.length > 1 && title.startsWith(words.join(" ")) ? 10 : 0;
    for (const word of words) {
      const at = title.indexOf(word);
      if (at >= 0) sum += at === 0 || /\W/.test(title[at - 1]) ? 10 : 4;
      else if (text.includes(word)) sum += new RegExp(`(^|\\W)${word.replace(/\W/g, "\\$&")}`).test(text) ? 2 : 1;
      else return 0;
    }
    return sum;
  }

  function show(sections, words) {
    list.replaceChildren(...sections.map((section, i) => {
      const row = document.createElement("li"), link = document.createElement("a"), where = document.createElement("small");
      row.role = "option"; row.id = `found-${i}`;
      link.href = `${root}/${section.url}`; link.tabIndex = -1;
      link.textContent = section.title === section.page ? section.title : `${section.page} › ${section.title}`;
      const at = Math.max(0, section.text.toLowerCase().indexOf(words[0]) - AROUND / 2);
      where.textContent = (at ? "… " : "") + section.text.slice(at, at + 3 * AROUND);
      link.append(where); row.append(link);
      return row;
    }));
    if (!sections.length) {
      const none = document.createElement("li");
      none.className = "none"; none.textContent = "Nothing found";
      list.append(none);
    }
  }

  function open(on) {
    list.hidden = !on;
    field.setAttribute("aria-expanded", on);
    if (!on) choose(-1);
  }

  function choose(next) {
    const rows = [...list.querySelectorAll("[role=option]")];
    chosen = rows.length ? (next + rows.length + 1) % (rows.length + 1) : -1;
    if (chosen === rows.length) chosen = -1;
    rows.forEach((row, i) => row.setAttribute("aria-selected", i === chosen));
    if (chosen >= 0) { field.setAttribute("aria-activedescendant", rows[chosen].id); rows[chosen].scrollIntoView({ block: "nearest" }); }
    else field.removeAttribute("aria-activedescendant");
  }

  function search() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length || !index.length) return open(false);
    const found = index.map((section) => [score(section, words), section]).filter(([points]) => points > 0);
    found.sort((a, b) => b[0] - a[0]);
    show(found.slice(0, MOST).map(([, section]) => section), words);
    open(true);
    choose(0);
  }

  field.addEventListener("focus", load);
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? -2 : chosen - 1);
    else if (event.key === "Enter") list.querySelector("[aria-selected=true] a")?.click();
    else if (event.key === "Escape") { field.value = ""; open(false); field.blur(); return; }
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === field) return;
    event.preventDefault();
    field.focus();
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) open(false); });

  const menu = document.getElementById("menu"), pages = document.getElementById("pages");
  menu.addEventListener("click", () => menu.setAttribute("aria-expanded", pages.classList.toggle("open")));
})();
