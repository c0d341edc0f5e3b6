// Light or dark, before the first paint: this script alone is not deferred. Follows the system until somebody presses
// the button.
"use strict";

(() => {
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null; // "light" or "dark" once somebody chose
  try { chosen = localStorage.getItem("bantam-theme"); } catch { /* storage may be forbidden */ }

  function apply() {
    const theme = chosen || (systemDark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    document.getElementById("theme")?.setAttribute("aria-label", `Switch to ${theme === "dark" ? "light" : "dark"} colours`);
  }

  function toggle() {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("bantam-theme", chosen); } catch { /* then it lasts until the page is left */ }
    apply();
  }

  apply();
  systemDark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", toggle);
  });
})();
