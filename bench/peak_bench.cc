// What this machine can do at most: 8-bit and bfloat16 dot products, f32 multiply-adds, and reads from each level of
// memory. The shares of the peak in docs/benchmarks.md are of these figures, measured in the same run.
//
//   cmake --build --preset release --target bantam_peak_bench && build/release/bantam_peak_bench THREADS    one JSON
//   object
//
// The arithmetic is in assembly with registers named by hand: gcc 12 spills long rows of accumulators of intrinsics,
// and a spilled loop measures the store port. Every figure is the best of several short passes.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Peak {
  const char* name;
  bool runs_here;
  double operations_per_round;  // of one thread; multiplications and additions count one each
  void (*rounds)(int64_t count);
};

#if defined(__x86_64__)

#define CLOBBERS_16                                                                                                   \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
      "xmm14", "xmm15"

// Fourteen independent chains: more than latency times throughput of any processor with these instructions.
#define CHAINS_14(instruction, r)                                                                                   \
  instruction " %%" r "0, %%" r "1, %%" r "2\n" instruction " %%" r "0, %%" r "1, %%" r "3\n" instruction " %%" r   \
              "0, %%" r "1, %%" r "4\n" instruction " %%" r "0, %%" r "1, %%" r "5\n" instruction " %%" r "0, %%" r \
              "1, %%" r "6\n" instruction " %%" r "0, %%" r "1, %%" r "7\n" instruction " %%" r "0, %%" r "1, %%" r \
              "8\n" instruction " %%" r "0, %%" r "1, %%" r "9\n" instruction " %%" r "0, %%" r "1, %%" r           \
              "10\n" instruction " %%" r "0, %%" r "1, %%" r "11\n" instruction " %%" r "0, %%" r "1, %%" r         \
              "12\n" instruction " %%" r "0, %%" r "1, %%" r "13\n" instruction " %%" r "0, %%" r "1, %%" r         \
              "14\n" instruction " %%" r "0, %%" r "1, %%" r "15\n"

// Zeros are multiplied: no processor we know is faster for them, and no denormal can slow it down.
#define DEFINE_ROUNDS(name, target_isa, zero, instruction, r)                                                   \
  __attribute__((target(target_isa))) void name(int64_t count) {                                                \
    asm volatile(zero "1:\n" CHAINS_14(instruction, r) CHAINS_14(instruction, r) "dec %0\njnz 1b\nvzeroupper\n" \
                 : "+r"(count)                                                                                  \
                 :                                                                                              \
                 : CLOBBERS_16, "cc");                                                                          \
  }

#define ZERO_2(r) "vxorps %%" r "0, %%" r "0, %%" r "0\nvxorps %%" r "1, %%" r "1, %%" r "1\n"
#define ZERO_14(r)                                                                                                 \
  ZERO_2(r)                                                                                                        \
  "vxorps %%" r "2, %%" r "2, %%" r "2\nvxorps %%" r "3, %%" r "3, %%" r "3\nvxorps %%" r "4, %%" r "4, %%" r      \
  "4\nvxorps %%" r "5, %%" r "5, %%" r "5\nvxorps %%" r "6, %%" r "6, %%" r "6\nvxorps %%" r "7, %%" r "7, %%" r   \
  "7\nvxorps %%" r "8, %%" r "8, %%" r "8\nvxorps %%" r "9, %%" r "9, %%" r "9\nvxorps %%" r "10, %%" r "10, %%" r \
  "10\nvxorps %%" r "11, %%" r "11, %%" r "11\nvxorps %%" r "12, %%" r "12, %%" r "12\nvxorps %%" r "13, %%" r     \
  "13, %%" r "13\nvxorps %%" r "14, %%" r "14, %%" r "14\nvxorps %%" r "15, %%" r "15, %%" r "15\n"

DEFINE_ROUNDS(Vpdpbusd512, "avx512f,avx512vnni", ZERO_14("ymm"), "vpdpbusd", "zmm")
DEFINE_ROUNDS(Vpdpbusd256, "avx2", ZERO_14("ymm"), "%{vex%} vpdpbusd", "ymm")
DEFINE_ROUNDS(Fma512, "avx512f", ZERO_14("ymm"), "vfmadd231ps", "zmm")
DEFINE_ROUNDS(Fma256, "avx2,fma", ZERO_14("ymm"), "vfmadd231ps", "ymm")
DEFINE_ROUNDS(Bf16Dot512, "avx512f,avx512bf16", ZERO_14("ymm"), "vdpbf16ps", "zmm")

// What AVX2 without VNNI has for bytes: multiply into pairs of 16 bits, widen, add. Four sums, each of one such step.
__attribute__((target("avx2"))) void Maddubs256(int64_t count) {
  asm volatile(ZERO_14("ymm")
               "1:\n"
               "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\nvpmaddubsw %%ymm0, %%ymm1, %%ymm3\n"
               "vpmaddubsw %%ymm0, %%ymm1, %%ymm4\nvpmaddubsw %%ymm0, %%ymm1, %%ymm5\n"
               "vpmaddwd %%ymm2, %%ymm0, %%ymm2\nvpmaddwd %%ymm3, %%ymm0, %%ymm3\n"
               "vpmaddwd %%ymm4, %%ymm0, %%ymm4\nvpmaddwd %%ymm5, %%ymm0, %%ymm5\n"
               "vpaddd %%ymm2, %%ymm6, %%ymm6\nvpaddd %%ymm3, %%ymm7, %%ymm7\n"
               "vpaddd %%ymm4, %%ymm8, %%ymm8\nvpaddd %%ymm5, %%ymm9, %%ymm9\n"
               "dec %0\njnz 1b\nvzeroupper\n"
               : "+r"(count)
               :
               : CLOBBERS_16, "cc");
}

#define LOADS_8(r)                                                                                                    \
  "vmovups (%0), %%" r "0\nvmovups 1*%c2(%0), %%" r "1\nvmovups 2*%c2(%0), %%" r "2\nvmovups 3*%c2(%0), %%" r         \
  "3\nvmovups 4*%c2(%0), %%" r "4\nvmovups 5*%c2(%0), %%" r "5\nvmovups 6*%c2(%0), %%" r "6\nvmovups 7*%c2(%0), %%" r \
  "7\n"

__attribute__((target("avx512f"))) void Read512(const char* data, int64_t bytes) {
  int64_t steps = bytes / 512;
  asm volatile("1:\n" LOADS_8("zmm") "add $512, %0\ndec %1\njnz 1b\nvzeroupper\n"
               : "+r"(data), "+r"(steps)
               : "i"(64)
               : CLOBBERS_16, "cc", "memory");
}
__attribute__((target("avx2"))) void Read256(const char* data, int64_t bytes) {
  int64_t steps = bytes / 256;
  asm volatile("1:\n" LOADS_8("ymm") "add $256, %0\ndec %1\njnz 1b\nvzeroupper\n"
               : "+r"(data), "+r"(steps)
               : "i"(32)
               : CLOBBERS_16, "cc", "memory");
}

bool Has(const char* flag) {
  // The kernel's list, because gcc 12's __builtin_cpu_supports does not know every name.
  static const std::vector<char> text = [] {
    std::vector<char> all(1 << 20);
    std::FILE* file = std::fopen("/proc/cpuinfo", "r");
    const size_t got = file == nullptr ? 0 : std::fread(all.data(), 1, all.size() - 1, file);
    if (file != nullptr) std::fclose(file);
    all[got] = '\0';
    return all;
  }();
  const size_t length = std::strlen(flag);
  for (const char* at = text.data(); (at = std::strstr(at, flag)) != nullptr; at += length) {
    if (at != text.data() && at[-1] == ' ' && (at[length] == ' ' || at[length] == '\n')) return true;
  }
  return false;
}

std::vector<Peak> Peaks() {
  constexpr double kChains = 28;
  return {
      {"int8_vpdpbusd_512", Has("avx512_vnni"), kChains * 16 * 8, Vpdpbusd512},
      {"int8_vpdpbusd_256", Has("avx_vnni"), kChains * 8 * 8, Vpdpbusd256},
      {"int8_vpmaddubsw_256", Has("avx2"), 4.0 * 8 * 8, Maddubs256},
      {"f32_fma_512", Has("avx512f"), kChains * 16 * 2, Fma512},
      {"f32_fma_256", Has("fma"), kChains * 8 * 2, Fma256},
      {"bf16_dot_512", Has("avx512_bf16"), kChains * 16 * 4, Bf16Dot512},
  };
}

using Read = void (*)(const char* data, int64_t bytes);
Read ReadHere() { return Has("avx512f") ? Read512 : Has("avx2") ? Read256 : nullptr; }

#else  // No peaks for other processors yet: the report then leaves the shares out.

std::vector<Peak> Peaks() { return {}; }
using Read = void (*)(const char* data, int64_t bytes);
Read ReadHere() { return nullptr; }

#endif

// Seconds that all threads together took for `work(thread)`, begun at one moment; the best of `repeats`.
double BestSeconds(int threads, int repeats, const std::function<void(int)>& work) {
  double best = 1e9;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::atomic<int> waiting = threads;
    std::vector<double> begin(static_cast<size_t>(threads)), end(static_cast<size_t>(threads));
    std::vector<std::thread> started;
    for (int t = 0; t < threads; ++t) {
      started.emplace_back([&, t] {
        --waiting;
        while (waiting > 0) {
        }
        begin[static_cast<size_t>(t)] = Seconds();
        work(t);
        end[static_cast<size_t>(t)] = Seconds();
      });
    }
    for (std::thread& thread : started) thread.join();
    best = std::min(best, *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end()));
  }
  return best;
}

// GB/s of `threads` threads, each reading its own `bytes` again and again.
double ReadRate(Read read, int threads, size_t bytes) {
  const int64_t passes = std::max<int64_t>(1, static_cast<int64_t>((size_t{400} << 20) / bytes));
  std::vector<char*> buffers;
  for (int t = 0; t < threads; ++t) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      std::fprintf(stderr, "peak_bench: no memory for %zu bytes\n", bytes);
      std::exit(1);
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    std::memset(memory, 1, bytes);
    buffers.push_back(static_cast<char*>(memory));
  }
  const double seconds = BestSeconds(threads, 5, [&](int t) {
    for (int64_t pass = 0; pass < passes; ++pass) read(buffers[static_cast<size_t>(t)], static_cast<int64_t>(bytes));
  });
  for (char* buffer : buffers) munmap(buffer, bytes);
  return static_cast<double>(bytes) * static_cast<double>(passes) * threads / seconds / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1 || threads > 1024) {
    std::fprintf(stderr, "peak_bench: THREADS is a number from 1 to 1024\n");
    return 64;
  }
  std::printf("{\"threads\": %d", threads);
  for (const Peak& peak : Peaks()) {
    if (!peak.runs_here) continue;
    constexpr int64_t kRounds = 2'000'000;  // 20 to 60 ms
    const double seconds = BestSeconds(threads, 8, [&](int) { peak.rounds(kRounds); });
    std::printf(", \"%s\": %.1f", peak.name, peak.operations_per_round * kRounds * threads / seconds / 1e9);
  }
  if (const Read read = ReadHere()) {
    const struct {
      const char* name;
      size_t bytes;
    } levels[] = {{"read_l1", size_t{16} << 10},
                  {"read_l2", size_t{256} << 10},
                  {"read_l3", size_t{6} << 20},
                  {"read_memory", size_t{256} << 20}};
    for (const auto& level : levels) std::printf(", \"%s\": %.1f", level.name, ReadRate(read, threads, level.bytes));
  }
  std::printf("}\n");
  return 0;
}
