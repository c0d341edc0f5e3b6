#!/usr/bin/env bash
# Fails if an object built with an ISA's own flags defines a weak symbol. The linker keeps one copy of a weak symbol
# for the whole program: were it the AVX-512 one, a machine without AVX-512 would crash in code that never asked for it.
# And fails if an object of an AVX2 level holds an instruction that only AVX-512 has: the avx2vnni level's vpdpbusd exists in
# both encodings, and no test machine may have a processor that tells them apart.
#
#   tools/check_kernel_symbols.sh build/dev               the architecture of this machine
#   tools/check_kernel_symbols.sh build/aarch64 aarch64   a cross build
set -euo pipefail
shopt -s nullglob

build=${1:?which build folder}
source=$(cd "$(dirname "$0")/.." && pwd)

architecture=${2:-$(uname -m)}
case $architecture in
  x86_64 | amd64) levels='^avx' ;;
  aarch64 | arm64) levels='^neon' ;;
  *) echo "kernel symbols: no ISA folder is built for $architecture"; exit 0 ;;
esac
tools=
[ "$architecture" = "$(uname -m)" ] || tools=$architecture-linux-gnu-

# What is wrong with the encodings in an object of an AVX2 level, or nothing.
check_encoding() {
  "${tools}objdump" -d --insn-width=16 "$1" | awk -F '\t' -v isa="$2" '
    $2 ~ /^62 / && !found++ { print "  only AVX-512 has: " $3 }
    $2 ~ /^c4 / && $3 ~ /vpdpbusd/ { vnni = 1 }
    END { if (!found && isa == "avx2vnni" && !vnni) print "  no vpdpbusd in its VEX encoding" }'
}

checked=0 failed=0
for folder in "$source"/src/kernels/*/; do
  isa=$(basename "$folder")
  # scalar/ is built for the baseline, common/ is only included, testing/ is not in the binary.
  [[ $isa =~ $levels ]] || continue
  sources=("$folder"*.cc)
  [ ${#sources[@]} -gt 0 ] || continue
  mapfile -t objects < <(find "$build" -path "*kernels*/$isa/*.o" -not -name '*_test.cc.o')
  if [ ${#objects[@]} -eq 0 ]; then
    failed=1
    echo "src/kernels/$isa: no object under $build; is it built?"
  fi
  for object in "${objects[@]}"; do
    checked=$((checked + 1))
    weak=$("${tools}nm" -C --defined-only "$object" | awk '$2 ~ /^[WVu]$/')
    if [ -n "$weak" ]; then
      failed=1
      echo "${object#"$source"/}: weak symbols in an object of kernels/$isa:"
      sed 's/^/  /' <<<"$weak"
    fi
    case $isa in avx2*)
      wrong=$(check_encoding "$object" "$isa")
      if [ -n "$wrong" ]; then
        failed=1
        printf '%s: wrong instructions in an object of kernels/%s:\n%s\n' "${object#"$source"/}" "$isa" "$wrong"
      fi
    esac
  done
done
if [ $failed -ne 0 ]; then
  echo "kernel symbols: files in kernels/<isa>/ use intrinsics and C headers only: no std:: templates, no inline functions of other rooms;"
  echo "and each is built with the flags of its own level (src/kernels/CMakeLists.txt)"
  exit 1
fi
echo "kernel symbols: $checked objects, none weak"
