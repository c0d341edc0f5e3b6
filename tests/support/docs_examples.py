"""The examples of the documentation, as one shell script for each page.

Fenced blocks of `sh` and `python` run in the order of the page, in one folder. HTML comments tell what no reader needs to see:

    <!-- not run: WHY -->    before a block that cannot run offline with the models of the set-up
    <!-- first: COMMANDS --> run at this place of the page
    <!-- file: NAME -->      before a block: its text is written to this file
"""

import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

LANGUAGES = {"sh", "python", "yaml", "json", "c", "cmake", "console", "text"}

# What stands between a page's commands and the real ones:
# - `bantam serve` goes on in the background, on a port of its own, until the next one or the end of the page;
# - texts are short, for nobody reads them; `audit tail -f` ends when it has shown what there is;
# - a word for which a page says `said[WORD]=OTHER` is the other one.
PRELUDE = r"""
set -euo pipefail
declare -A said=([127.0.0.1:8080]=127.0.0.1:$PORT)
server=
stop() { [ -z "$server" ] || { kill "$server"; wait "$server" || true; server=; }; }
trap stop EXIT
trap 'echo "FAILED at line $line" >&2' ERR
put() {
  words=()
  local word from
  for word in "$@"; do
    for from in "${!said[@]}"; do word=${word//"$from"/"${said[$from]}"}; done
    words+=("$word")
  done
}
bantam() {
  put "$@"
  case ${words[0]} in
    serve)
      stop
      if [[ " ${words[*]} " != *" --port "* ]]; then words+=(--port "$PORT"); fi
      command bantam "${words[@]}" </dev/null >server.log 2>&1 &
      server=$!
      local tries
      for tries in {1..3600}; do
        ! grep -q "^Bantam serves" server.log || return 0
        kill -0 "$server" || break
        sleep 0.05
      done
      cat server.log >&2
      return 1 ;;
    run)
      [[ " ${words[*]} " == *" --max-tokens "* ]] || words+=(--max-tokens 8)
      command bantam "${words[@]}" ;;
    audit)
      [[ " ${words[*]} " == *" -f "* ]] || { command bantam "${words[@]}"; return; }
      timeout 0.5 bantam "${words[@]}" || [ $? -eq 124 ] ;;
    *) command bantam "${words[@]}" ;;
  esac
}
curl() { put "$@"; command curl -sS --fail-with-body "${words[@]}"; echo; }
"""


@dataclass
class Block:
    line: int
    language: str
    text: str = ""
    not_run: str = ""


@dataclass
class Page:
    path: Path
    blocks: list = field(default_factory=list)
    script: list = field(default_factory=list)  # (line, shell commands)

    def shell_script(self, port):
        here = [f"line={line}\n{commands}" for line, commands in self.script]
        return f"PORT={port}\n{PRELUDE}\n" + "\n".join(here) + "\nline=end\n"


def in_file(name, text):
    return f"cat >{shlex.quote(name)} <<'END OF FILE'\n{text}END OF FILE\n"


def commands_of(block, port_text="127.0.0.1:8080"):
    if block.language == "sh":
        return block.text
    return in_file("example.py", block.text) + f'sed -i "s/{port_text}/127.0.0.1:$PORT/" example.py\n{shlex.quote(sys.executable)} example.py\n'


def read_page(path):
    page = Page(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    waiting = {}  # of the comment before a block: "not run" or "file"
    number = 0
    while number < len(lines):
        line, number = lines[number], number + 1
        if match := re.match(r"\s*<!-- (not run|first|file): ?(.*)", line):
            begin, text = number, match[2]
            while "-->" not in text:
                text += "\n" + lines[number]
                number += 1
            text = text[: text.index("-->")].strip()
            if match[1] == "first":
                page.script.append((begin, text))
            else:
                waiting[match[1]] = text
        elif match := re.match(r"(\s*)```(.*)", line):
            block = Block(number, match[2].strip(), not_run=waiting.get("not run", ""))
            while lines[number].strip() != "```":
                block.text += lines[number].removeprefix(match[1]) + "\n"
                number += 1
            number += 1
            page.blocks.append(block)
            if "file" in waiting:
                page.script.append((block.line, in_file(waiting["file"], block.text)))
            if block.language in ("sh", "python") and not block.not_run:
                page.script.append((block.line, commands_of(block)))
            waiting = {}
        elif line.strip():
            assert not waiting, f"{path}:{number}: no block after <!-- {waiting} -->"
    return page
