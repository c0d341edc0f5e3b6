#!/usr/bin/env bash
# Makes the Python environment build/venv-NAME from a requirements file, once per content of that file.
#
#   tools/venv.sh test tools/requirements-test.txt     prints build/venv-test
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?which environment}
requirements=${2:?which requirements file}
folder=build/venv-$name
# The file may take in others with -r. The interpreter is part of the key: an environment made by another Python does not run.
mapfile -t included < <(sed -n "s|^-r \(.*\)|$(dirname "$requirements")/\1|p" "$requirements")
key=$( (cat "$requirements" "${included[@]}"; python3 --version; command -v python3) | sha256sum | cut -d' ' -f1)

if [ "$(cat "$folder/.key" 2>/dev/null || true)" != "$key" ]; then
  echo "venv: making $folder from $requirements" >&2
  rm -rf "$folder"
  mkdir -p build
  if ! python3 -m venv "$folder" >&2; then
    echo "venv: python3 could not make $folder; install python3-venv (make setup-test does), then make again" >&2
    exit 69
  fi
  if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
       --requirement "$requirements" >&2; then
    rm -rf "$folder"
    echo "venv: pip could not install $requirements (see above); check the network and 'pip config list', then make again" >&2
    exit 69
  fi
  echo "$key" >"$folder/.key"
fi
echo "$folder"
