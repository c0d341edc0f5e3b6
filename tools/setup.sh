#!/usr/bin/env bash
# Installs the Debian packages Bantam needs, and nothing when they are all there.
#
#   tools/setup.sh run     what building and running needs
#   tools/setup.sh test    the same, and what the tests need
#
# Asks dpkg first (10 ms), so a second call runs no apt. On a system without apt it prints the list and stops;
# BANTAM_SKIP_SETUP=1 says "I have installed the equivalents myself".
set -euo pipefail
cd "$(dirname "$0")/.."

readonly exit_usage=64 exit_unavailable=69

say() { printf 'setup: %s\n' "$*" >&2; }

wanted_packages() {
  local files=(tools/packages/debian-run.txt)
  case "${1:-run}" in
    run) ;;
    test) files+=(tools/packages/debian-test.txt) ;;
    *) say "unknown set \"$1\"; use run or test"; exit $exit_usage ;;
  esac
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${files[@]}"
}

# Prints those of "$@" that dpkg does not have fully installed.
missing_packages() {
  local have
  have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true)
  printf '%s\n' "$@" | grep -vxF -e "$have" || true
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "installing packages needs root and there is no sudo; run this as root, then make again:"
    say "  apt-get install --no-install-recommends ${missing[*]}"
    exit $exit_unavailable
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

if [ -n "${BANTAM_SKIP_SETUP:-}" ]; then
  exit 0
fi
wanted_text=$(wanted_packages "${1:-run}")
mapfile -t wanted <<<"$wanted_text"

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "this system has no apt; Bantam is built on Debian 12. Install the equivalents of these Debian packages:"
  printf '  %s\n' "${wanted[@]}" >&2
  say "then: make ${MAKE_GOAL:-run} BANTAM_SKIP_SETUP=1"
  exit $exit_unavailable
fi

mapfile -t missing < <(missing_packages "${wanted[@]}")
[ ${#missing[@]} -eq 0 ] && exit 0

say "${#missing[@]} packages to install: ${missing[*]}"
if ! apt update; then
  say "apt-get update failed (see above); check the network and /etc/apt/sources.list, then make again"
  exit $exit_unavailable
fi
# Debian 12 has every name on the list. Another release may not: name what it lacks, before apt's own long answer.
unknown=()
for package in "${missing[@]}"; do
  [ -n "$(apt-cache show --no-all-versions "$package" 2>/dev/null)" ] || unknown+=("$package")
done
if [ ${#unknown[@]} -gt 0 ]; then
  say "this release does not offer: ${unknown[*]}"
  say "Bantam is built on Debian 12 (bookworm). Install equivalents by hand, then: make BANTAM_SKIP_SETUP=1"
  exit $exit_unavailable
fi
if ! apt install --yes --no-install-recommends "${missing[@]}"; then
  say "apt-get install failed (see above); mend that, then make again"
  exit $exit_unavailable
fi
