#!/usr/bin/env bash
# clang-tidy over the C++ files that differ from main, or with ALL=1 over every one.
#
#   make lint            BASE=origin/main make lint            ALL=1 make lint
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$(tools/venv.sh lint tools/requirements-lint.txt)
[ -f build/dev/compile_commands.json ] || cmake --preset dev >/dev/null

base=${BASE:-main}
if [ -n "${ALL:-}" ] || ! git rev-parse --verify --quiet "$base^{commit}" >/dev/null; then
  mapfile -t files < <(git ls-files -- 'src/*.cc')
else
  since=$(git merge-base HEAD "$base")
  mapfile -t files < <( (git diff --name-only --diff-filter=d "$since" -- 'src/*.cc'
                         git ls-files --others --exclude-standard -- 'src/*.cc') | sort -u)
fi
[ ${#files[@]} -gt 0 ] || { echo "lint: no C++ file differs from $base"; exit 0; }

echo "lint: ${#files[@]} files"
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" "$environment/bin/clang-tidy" -p build/dev --quiet --warnings-as-errors='*'
