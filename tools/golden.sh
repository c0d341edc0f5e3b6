#!/usr/bin/env bash
# Remakes the committed reference answers: runs every make_*.py under a golden/ folder with the reference libraries, in an
# environment of its own. The tests read what this writes and need none of these libraries.
#
#   tools/golden.sh [PATTERN]       only the scripts whose path holds PATTERN
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$(tools/venv.sh golden tools/requirements-golden.txt)
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '**/golden/make_*.py' | sort)
ran=0
for script in "${scripts[@]}"; do
  case $script in *"${1:-}"*) ;; *) continue ;; esac
  echo "golden: $script"
  PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" "$script"
  ran=$((ran + 1))
done
echo "golden: $ran scripts; what changed: git diff --stat"
