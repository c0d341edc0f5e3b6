#!/usr/bin/env bash
# Builds llama.cpp for this processor, once, from the source package of llama-cpp-python. Takes some minutes of two cores for each.
#
#   bench/llama.sh peer       build/bench/llama/bin/llama_peer, the library behind bench/llama_peer.cc
#   bench/llama.sh server     build/bench/llama/bin/llama-server
#   bench/llama.sh tools      build/bench/llama/bin/llama-bench, llama-quantize and llama-perplexity
set -euo pipefail
cd "$(dirname "$0")/.."

readonly version=0.3.36
readonly sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
readonly folder=build/bench/llama
readonly archive=$folder/llama_cpp_python-$version.tar.gz
readonly source=$folder/llama_cpp_python-$version/vendor/llama.cpp

what=${1:?peer, server or tools}
case $what in peer | server | tools) ;; *) echo "llama.sh: peer, server or tools, not $what" >&2; exit 64 ;; esac
stamp=$folder/bin/.$what
key=$(cat bench/llama.sh bench/llama_peer.cc | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" != "$key" ] || exit 0
mkdir -p "$folder/bin"
if ! echo "$sha256  $archive" | sha256sum --check --status 2>/dev/null; then
  python3 -m pip download --quiet --disable-pip-version-check --no-input --no-deps --no-binary :all: \
    --dest "$folder" "llama-cpp-python==$version" >&2
  echo "$sha256  $archive" | sha256sum --check --quiet >&2
fi
[ -f "$source/CMakeLists.txt" ] || tar -xzf "$archive" -C "$folder"

# Its defaults for a CPU: this processor's own instructions, OpenMP, its own matrix kernels. Static, which starts sooner. Without the web
# page, TLS and downloads, which no figure is of.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
cmake -S "$source" -B "$folder/build" -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF >&2
case $what in
  peer)
    nice -n 15 make -C "$folder/build" -j "${JOBS:-2}" llama >&2
    g++ -std=c++20 -O3 -march=native -I "$source/include" -I "$source/ggml/include" bench/llama_peer.cc -o "$folder/bin/llama_peer" \
      -L "$folder/build/src" -L "$folder/build/ggml/src" -lllama -lggml -lggml-cpu -lggml-base -fopenmp -lpthread -ldl >&2
    ;;
  server)
    nice -n 15 make -C "$folder/build" -j "${JOBS:-2}" llama-server >&2
    cp "$folder/build/bin/llama-server" "$folder/bin/"
    ;;
  tools)
    programs=(llama-bench llama-quantize llama-perplexity)
    nice -n 15 make -C "$folder/build" -j "${JOBS:-2}" "${programs[@]}" >&2
    cp "${programs[@]/#/$folder/build/bin/}" "$folder/bin/"
    ;;
esac
echo "$key" >"$stamp"
