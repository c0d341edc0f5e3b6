#!/usr/bin/env bash
# Shows that a clone works on a machine that has only git, make and apt: unpacks a minimal Debian 12 into a folder, clones
# this repository's HEAD there and, inside, runs `make run` until the help desk answers, runs it again with no name server
# (nothing may need the network a second time), and then runs `make test`. Prints the times. Needs root and debootstrap.
#
#   tools/fresh_machine_test.sh FOLDER            FOLDER is made, or used again where a minimal Debian is in it already
#   tools/fresh_machine_test.sh FOLDER STEP…      only these steps: setup, run, again, test
#
# Takes over how this machine reaches its packages (apt sources, proxies, pip's settings), so that it works behind a
# mirror. Mounts and processes live in namespaces of their own and are gone when it ends, however it ends.
set -euo pipefail

folder=${1:?which folder}
shift
steps=${*:-run again test}
repository=$(cd "$(dirname "$0")/.." && pwd)
say() { printf 'fresh machine: %s\n' "$*" >&2; }

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
  say "needs root and debootstrap (apt-get install debootstrap)"
  exit 69
fi
# The rest runs in private mount and process namespaces.
if [ "${FRESH_MACHINE_INSIDE:-}" != 1 ]; then
  exec env FRESH_MACHINE_INSIDE=1 unshare --mount --pid --fork --kill-child bash "$0" "$folder" $steps
fi

# The mirror that this machine's apt uses for bookworm.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" { print $1; exit }')

if [ ! -x "$folder/usr/bin/git" ]; then
  started=$SECONDS
  say "unpacking a minimal Debian 12 with git and make into $folder"
  mkdir -p "$folder"
  debootstrap --variant=minbase --include=git,make bookworm "$folder" ${mirror:+"$mirror"} >"$folder.log" 2>&1 ||
    { tail -5 "$folder.log" >&2; say "debootstrap failed; its output is in $folder.log"; exit 69; }
  say "unpacked in $((SECONDS - started)) s, $(du -sm "$folder" | cut -f1) MB, $(ls "$folder/var/lib/dpkg/info/"*.list | wc -l) packages"
fi
folder=$(cd "$folder" && pwd)

# How this machine reaches its packages. Hooks of its own (Post-Invoke) are not part of that.
rm -rf "$folder/etc/apt/sources.list" "$folder/etc/apt/sources.list.d"
for part in sources.list sources.list.d trusted.gpg.d keyrings auth.conf.d; do
  [ ! -e "/etc/apt/$part" ] || cp -a "/etc/apt/$part" "$folder/etc/apt/"
done
for file in /etc/apt/apt.conf.d/*; do
  grep -q Invoke "$file" || cp "$file" "$folder/etc/apt/apt.conf.d/"
done
cp /etc/resolv.conf /etc/hosts "$folder/etc/"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$folder/etc/"
variables=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT; do
  [ -z "${!name:-}" ] || variables+=("$name=${!name}")
done
if [ -n "${PIP_CERT:-}" ] && [ -f "$PIP_CERT" ]; then
  cp -L "$PIP_CERT" "$folder/etc/fresh-machine-ca.crt"
  variables+=("PIP_CERT=/etc/fresh-machine-ca.crt")
fi

mount -t proc proc "$folder/proc"
mount --rbind /dev "$folder/dev"
mount -t sysfs -o ro sysfs "$folder/sys" 2>/dev/null || true
mount -t tmpfs tmpfs "$folder/run"

home=$folder/srv/fresh
head=$(git -C "$repository" rev-parse HEAD)
if [ "$(git -c safe.directory='*' -C "$home/bantam" rev-parse HEAD 2>/dev/null)" != "$head" ]; then
  rm -rf "$home/bantam"
  mkdir -p "$home"
  git -c safe.directory='*' clone --quiet --no-hardlinks "$repository" "$home/bantam"
  git -C "$home/bantam" checkout --quiet --detach "$head"
fi
data=${BANTAM_TEST_DATA:-$repository/../shared/data}
if [ -d "$data" ]; then
  mkdir -p "$home/shared/data"
  mount --bind "$data" "$home/shared/data"
  mount -o remount,bind,ro "$home/shared/data"
fi

inside() {
  chroot "$folder" /usr/bin/env -i HOME="/srv/fresh" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 "${variables[@]}" "$@"
}

port=18080
# Asks until the help desk answers; prints the seconds since $1 (date +%s.%N).
until_answer() {
  inside PORT=$port STARTED="$1" LIMIT="$2" bash -c '
    # Until it is installed whole: the program is there before its library.
    until python3 -c "import json, urllib.request" 2>/dev/null; do sleep 0.5; done
    exec python3 /dev/fd/3' 3<<'PYTHON'
import json, os, time, urllib.request
started, limit = float(os.environ["STARTED"]), float(os.environ["LIMIT"])
request = {"model": "helpdesk", "messages": [{"role": "user", "content": "I forgot my password"}]}
url = f"http://127.0.0.1:{os.environ['PORT']}/v1/chat/completions"
while time.time() - started < limit:
    try:
        body = urllib.request.Request(url, json.dumps(request).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(body, timeout=10) as reply:
            answer = json.load(reply)
        print(f"{time.time() - started:.1f} s; route {answer['bantam']['route']}: {answer['choices'][0]['message']['content'][:70]!r}")
        raise SystemExit(0)
    except (OSError, ValueError):
        time.sleep(0.02)
raise SystemExit(f"no answer within {limit} s")
PYTHON
}

run_and_ask() { # what, limit in seconds
  local started status=0 result
  started=$(date +%s.%N)
  inside make -C /srv/fresh/bantam run PORT=$port </dev/null >"$folder.$1.log" 2>&1 &
  local make_id=$!
  result=$(until_answer "$started" "$2") || status=$?
  report+=("make run, $1: first answer after $result")
  # The server itself, not make: find it by its listening binary inside.
  inside bash -c 'for p in /proc/[0-9]*; do [ "$(readlink "$p/exe")" = /srv/fresh/bantam/build/release/bantam ] && kill -TERM "${p#/proc/}"; done; true'
  [ $status -eq 0 ] || kill "$make_id" 2>/dev/null || true  # it may not have come as far as a server
  wait "$make_id" || true
  if [ $status -ne 0 ]; then
    tail -30 "$folder.$1.log" >&2
    return 1
  fi
}

report=() failed=0
for step in $steps; do
  say "$step (log: $folder.$step.log)"
  started=$SECONDS
  case $step in
    setup)
      inside make -C /srv/fresh/bantam setup >"$folder.setup.log" 2>&1 || failed=1
      report+=("make setup: $((SECONDS - started)) s") ;;
    run) run_and_ask run 3600 || failed=1 ;;
    again)
      : >"$folder/etc/resolv.conf"
      run_and_ask again 60 || failed=1
      cp /etc/resolv.conf "$folder/etc/" ;;
    test)
      inside CI=true make -C /srv/fresh/bantam test >"$folder.test.log" 2>&1 || failed=1
      report+=("make test: $((SECONDS - started)) s" "$(tail -4 "$folder.test.log")") ;;
    *) say "unknown step $step"; exit 64 ;;
  esac
  if [ $failed -ne 0 ]; then
    tail -30 "$folder.$step.log" >&2
    say "$step failed"
    break
  fi
done
printf '%s\n' "${report[@]}"
exit $failed
