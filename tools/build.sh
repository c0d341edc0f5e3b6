#!/usr/bin/env bash
# Configures a preset if it never was, and builds.
#
#   tools/build.sh release bantam -j 2      one target; "all" for every target
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:?which preset}
target=${2:?which target}
shift 2

# So that a second clone of the same sources takes its objects from the cache whatever folder it lies in. The price: a debugger may
# look for the sources of such an object in the first clone.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

# ninja reruns CMake by itself when a CMake file changes.
if [ ! -f "build/$preset/build.ninja" ]; then
  cmake --preset "$preset"
fi
exec cmake --build "build/$preset" --target "$target" "$@"
