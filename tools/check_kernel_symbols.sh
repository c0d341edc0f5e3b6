#!/usr/bin/env bash
# Fails if an object built with an ISA's own flags defines a weak symbol. The linker keeps one copy of a weak symbol
# for the whole program: were it the AVX-512 one, a machine without AVX-512 would crash in code that never asked for it.
#
#   tools/check_kernel_symbols.sh build/dev
set -euo pipefail
shopt -s nullglob

build=${1:?which build folder}
source=$(cd "$(dirname "$0")/.." && pwd)

case $(uname -m) in
  x86_64 | amd64) ;;
  *) echo "kernel symbols: no ISA folder is built on $(uname -m)"; exit 0 ;;
esac
checked=0 failed=0
for folder in "$source"/src/kernels/*/; do
  isa=$(basename "$folder")
  # scalar/ is built for the baseline, common/ is only included.
  case $isa in scalar | common) continue ;; esac
  sources=("$folder"*.cc)
  [ ${#sources[@]} -gt 0 ] || continue
  mapfile -t objects < <(find "$build" -path "*kernels*/$isa/*.o" -not -name '*_test.cc.o')
  if [ ${#objects[@]} -eq 0 ]; then
    failed=1
    echo "src/kernels/$isa: no object under $build; is it built?"
  fi
  for object in "${objects[@]}"; do
    checked=$((checked + 1))
    weak=$(nm -C --defined-only "$object" | awk '$2 ~ /^[WVu]$/')
    if [ -n "$weak" ]; then
      failed=1
      echo "${object#"$source"/}: weak symbols in an object of kernels/$isa:"
      sed 's/^/  /' <<<"$weak"
    fi
  done
done
if [ $failed -ne 0 ]; then
  echo "kernel symbols: files in kernels/<isa>/ use intrinsics and C headers only: no std:: templates, no inline functions of other rooms"
  exit 1
fi
echo "kernel symbols: $checked objects, none weak"
