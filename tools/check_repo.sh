#!/usr/bin/env bash
# What must not be committed: paths of someone's machine, hosts of package registries, large files.
# Looks at every tracked and every new file that git does not ignore.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly max_bytes=1500000
failed=0
complain() { failed=1; printf '%s\n' "$*"; }

# Written in halves so that this file does not find itself.
readonly paths='(^|[^A-Za-z0-9_.~$}/-])/(ho''me|ro''ot|wo''rk|Us''ers|t''mp)/[A-Za-z0-9_.-]+'
readonly hosts='(py''pi\.org|python''hosted\.org|registry\.npm''js|crates''\.io|deb\.debian''\.org|debian\.org/debian|proxy\.gol''ang\.org|maven\.apache''\.org)'

mapfile -d '' -t files < <(git ls-files -z --cached --others --exclude-standard)
for file in "${files[@]}"; do
  [ -f "$file" ] && [ ! -L "$file" ] || continue
  size=$(stat -c %s "$file")
  [ "$size" -le $max_bytes ] || complain "$file:1: $size bytes; a committed file may have $max_bytes. Make it by a script or keep it with the data sets"
done
while IFS= read -r line; do complain "$line  <- a path of one machine"; done \
  < <(git grep -nIE --untracked -e "$paths" -- . || true)
while IFS= read -r line; do complain "$line  <- a package registry's host"; done \
  < <(git grep -nIE --untracked -e "$hosts" -- . || true)

[ $failed -eq 0 ] && echo "repository: ${#files[@]} files, no machine path, no registry host, none above $max_bytes bytes"
exit $failed
