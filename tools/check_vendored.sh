#!/usr/bin/env bash
# The files of web/vendor/ are those of their npm packages, byte for byte. Each folder has a SHA256SUMS, whose first line
# names package, version and npm's own checksum of it.
#
#   tools/check_vendored.sh            the files are those of the list, and no other lies there
#   tools/check_vendored.sh --pack     the list is of the package, too: npm fetches it and checks it by its checksum
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() { failed=1; printf '%s\n' "$*" >&2; }

compare_with_package() {
  local folder=$1 package=$2 integrity=$3 scratch
  scratch=$(mktemp -d)
  (cd "$scratch" && npm pack --silent "$package" > name && tar -xzf "$(cat name)") || complain "$folder: npm has no $package"
  if [ -s "$scratch/name" ]; then
    [ "sha512-$(openssl dgst -sha512 -binary "$scratch/$(cat "$scratch/name")" | base64 -w0)" = "$integrity" ] ||
      complain "$folder: $package is not the package of $integrity"
    find "$scratch/package" -type f -exec sha256sum {} + > "$scratch/sums"
    while read -r sum file; do
      grep -q "^$sum " "$scratch/sums" || complain "$folder/$file: no file of $package"
    done < <(grep -v '^#' "$folder/SHA256SUMS")
  fi
  rm -rf "$scratch"
}

packages=()
for list in web/vendor/*/SHA256SUMS; do
  folder=$(dirname "$list")
  read -r _ package integrity < "$list"
  packages+=("$package")
  (cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) ||
    complain "$folder: not as $package has it; take the file from npm pack $package"
  while IFS= read -r file; do
    grep -q " $file\$" "$list" || complain "$folder/$file: not in SHA256SUMS"
  done < <(find "$folder" -type f ! -name SHA256SUMS -printf '%P\n')
  if [ "${1:-}" = --pack ]; then compare_with_package "$folder" "$package" "$integrity"; fi
done

[ $failed -eq 0 ] && echo "vendored: the files of ${packages[*]} are as they were published"
exit $failed
