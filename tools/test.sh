#!/usr/bin/env bash
# Every test, in the order in which a mistake is cheapest to see. A failed step does not hide the next ones; only a failed
# build ends the run. The last lines sum it all up: skipped tests with their reasons, then each runner's own summary.
#
#   tools/test.sh [-j N]            PRESET=asan tools/test.sh        PYTEST_ARGS='-k chat' tools/test.sh
set -uo pipefail
cd "$(dirname "$0")/.."

preset=${PRESET:-dev}
build=build/$preset
logs=build/test-logs
jobs=$(nproc)
[ "${1:-}" = -j ] && jobs=${2:?-j needs a number}

if [ -z "${BANTAM_TEST_DATA:-}" ] && [ -d ../shared/data ]; then
  BANTAM_TEST_DATA=$(cd ../shared/data && pwd)
  export BANTAM_TEST_DATA
fi
BANTAM_BINARY=$PWD/$build/bantam
export BANTAM_BINARY

rm -rf "$logs"
mkdir -p "$logs"
failed=()

# Runs a step with its output on the terminal and in a log; remembers a failure.
step() {
  local name=$1 started=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$logs/$name.log"
  local status=${PIPESTATUS[0]}
  printf '== %s: %s in %d s\n' "$name" "$([ "$status" -eq 0 ] && echo ok || echo "FAILED ($status)")" $((SECONDS - started))
  [ "$status" -eq 0 ] || failed+=("$name")
  return "$status"
}

step rooms tools/check_rooms.py
step rooms-check tools/check_rooms_test.py
step repository tools/check_repo.sh
step vendored tools/check_vendored.sh
step docs tools/check_docs.py
step format tools/format.sh --check

if ! step build tools/build.sh "$preset" all -j "$jobs"; then
  printf '\ntest: the build failed; nothing was tested\n0 passed, 1 failed\n'
  exit 1
fi
case $preset in
  asan | tsan | scalar) ;; # sanitizers add weak symbols of their own; scalar has no such objects
  *) step kernel-symbols tools/check_kernel_symbols.sh "$build" ;;
esac
# What `make run` builds: another optimisation sees other warnings.
case $preset in
  dev) step release tools/build.sh release bantam -j "$jobs" ;;
esac
step ctest ctest --test-dir "$build" -j "$jobs" --output-on-failure --no-tests=error --output-junit "$PWD/$logs/ctest.xml"

# The other architecture: its kernels against scalar and whole models at every level, on an emulated processor.
aarch64() {
  tools/build.sh aarch64 bantam_kernels_test bantam_models_test -j "$jobs" || return
  tools/check_kernel_symbols.sh build/aarch64 aarch64 || return
  ctest --test-dir build/aarch64 -L '^(kernels|levels)$' -j "$jobs" --output-on-failure --no-tests=error \
    --output-junit "$PWD/$logs/aarch64.xml"
}
case $preset:$(uname -m) in
  asan:* | tsan:* | scalar:* | *:aarch64) ;; # says nothing new there
  *) step aarch64 aarch64 ;;
esac

clients() {
  local environment
  environment=$(tools/venv.sh test tools/requirements-test.txt) || return
  # A file's tests stay together: they share servers. Each process has a help desk and a browser of its own.
  # shellcheck disable=SC2086  # PYTEST_ARGS is a list of words
  PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" -m pytest -p no:cacheprovider -n "$jobs" --dist loadfile tests \
    --junitxml="$logs/pytest.xml" ${PYTEST_ARGS:-}
}
step pytest clients
[ -n "${PYTEST_ARGS:-}" ] || step compatibility tools/compatibility.py --check "$logs/pytest.xml"

python3 tools/test_summary.py "$logs"
summarised=$?
if [ ${#failed[@]} -gt 0 ]; then
  echo "test: failed steps: ${failed[*]}"
  exit 1
fi
exit $summarised
