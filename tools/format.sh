#!/usr/bin/env bash
# Formats the C++ sources with the pinned clang-format; with --check it changes nothing and names what would change.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$(tools/venv.sh format tools/requirements-format.txt)
mapfile -d '' -t files < <(git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cc' '*.c' '*.inl')
present=()
for file in "${files[@]}"; do
  [ -f "$file" ] && present+=("$file")
done
[ ${#present[@]} -gt 0 ] || exit 0

if [ "${1:-}" = --check ]; then
  if ! "$environment/bin/clang-format" --dry-run --Werror --ferror-limit=1 "${present[@]}"; then
    echo "format: mend the files above with: make format" >&2
    exit 1
  fi
  echo "format: ${#present[@]} files are as clang-format wants them"
else
  "$environment/bin/clang-format" -i "${present[@]}"
fi
