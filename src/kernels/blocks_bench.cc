// One thread. Few rows read the weights from memory: as many matrices take turns as make 256 MB, and the figure is GB/s
// beside what plain loads draw from the same memory. Many rows compute: the figure is giga-operations/s beside what the
// same kernel reaches with everything in L1.
#include "kernels/blocks_bench.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/bench_time.h"
#include "kernels/block_panels.h"

namespace bantam {
namespace {

constexpr size_t kMemory = size_t{256} << 20;

struct NamedFormat {
  const char* name;
  BlockFormat format;
};
const NamedFormat kFormats[] = {{"Q8_0", kBlockQ8_0}, {"Q4_0", kBlockQ4_0},     {"Q4_1", kBlockQ4_1},
                                {"Q5_0", kBlockQ5_0}, {"Q5_1", kBlockQ5_1},     {"Q2_K", kBlockQ2_K},
                                {"Q3_K", kBlockQ3_K}, {"Q4_K", kBlockQ4_K},     {"Q5_K", kBlockQ5_K},
                                {"Q6_K", kBlockQ6_K}, {"IQ4_NL", kBlockIQ4_NL}, {"IQ4_XS", kBlockIQ4_XS}};

struct Shape {
  int in, out;
  const char* name;
};
const Shape kShapes[] = {{576, 1536, "SmolLM2-135M up"}, {1536, 576, "SmolLM2-135M down"},
                         {896, 4864, "Qwen2.5-0.5B up"}, {4864, 896, "Qwen2.5-0.5B down"},
                         {2048, 5632, "TinyLlama up"},   {5632, 2048, "TinyLlama down"}};
const int kRows[] = {1, 4, 8, 16, 64, 512};

// In huge pages, as a model's weights are, and filled with what is a small number in every format.
class Memory {
 public:
  Memory() {
    void* data = ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) std::abort();
    ::madvise(data, kMemory, MADV_HUGEPAGE);
    std::memset(data, 0x2c, kMemory);
    data_ = static_cast<uint8_t*>(data);
  }
  ~Memory() { ::munmap(data_, kMemory); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  const uint8_t* data() const { return data_; }

 private:
  uint8_t* data_;
};

// Bytes/s of plain loads, the memory's first half and second half side by side or from end to end, whichever is faster:
// one of each cache line, for loads are not what this measures.
double ReadBandwidth(const uint8_t* memory) {
  const auto* at = reinterpret_cast<const uint64_t*>(memory);
  constexpr size_t kWords = kMemory / sizeof(uint64_t), kLine = 8;
  uint64_t sum = 0;
  const double one = BestSeconds([&] {
    for (size_t i = 0; i < kWords; i += kLine) sum += at[i];
  });
  const double two = BestSeconds([&] {
    for (size_t i = 0; i < kWords / 2; i += kLine) sum += at[i] + at[i + kWords / 2];
  });
  if (sum == 1) std::printf(" ");  // the loads must not be optimised away
  return static_cast<double>(kMemory) / std::min(one, two);
}

double TimeProduct(const KernelTable& kernels, const uint8_t* memory, BlockFormat format, int rows, int in, int out,
                   size_t copies, double budget_s) {
  const size_t row_bytes = BlockRowBytes(in), matrix = PackedBlocksBytes(format, out, in);
  AlignedBuffer<uint8_t> x(static_cast<size_t>(rows) * row_bytes);
  AlignedBuffer<float> values(static_cast<size_t>(rows) * static_cast<size_t>(in)),
      results(static_cast<size_t>(rows) * static_cast<size_t>(out));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  const QuantizeBlocksArgs quantize{.x = values.data(),
                                    .x_stride = in,
                                    .out = x.data(),
                                    .out_stride = static_cast<ptrdiff_t>(row_bytes),
                                    .num_rows = rows,
                                    .columns = in};
  kernels.quantize_blocks(&quantize);
  GemmBlocksArgs args{.format = format,
                      .x = x.data(),
                      .x_stride = static_cast<ptrdiff_t>(row_bytes),
                      .packed = nullptr,
                      .bias = nullptr,
                      .residual = nullptr,
                      .residual_stride = 0,
                      .out = results.data(),
                      .out_stride = out,
                      .num_rows = rows,
                      .in_features = in,
                      .out_features = out,
                      .panel_begin = 0,
                      .panel_end = BlockPanels(out),
                      .activation = kActivationNone};
  // All copies in one measurement, for few rows: a single matrix is too short a time to time.
  const size_t at_once = rows <= 16 ? copies : 1;
  size_t turn = 0;
  const double seconds = BestSeconds(
      [&] {
        for (size_t i = 0; i < at_once; ++i) {
          args.packed = memory + turn++ % copies * matrix;
          kernels.gemm_blocks(&args);
        }
      },
      budget_s);
  return seconds / static_cast<double>(at_once);
}

void BenchFormat(const KernelTable& kernels, const uint8_t* memory, const NamedFormat& format, double bandwidth) {
  double peak = 0;
  for (const int rows : {6, 12, 48}) {
    const double seconds = TimeProduct(kernels, memory, format.format, rows, 256, 32, 1, 0.02);
    peak = std::max(peak, 2e-9 * 256 * 32 * rows / seconds);
  }
  std::printf("%s; in L1 %.0f GOPS. GB/s (share of %.1f) of 1 to 16 rows, GOPS (share of L1's) of more\n%-20s",
              format.name, peak, bandwidth * 1e-9, "rows");
  for (const int rows : kRows) std::printf("%14d", rows);
  std::printf("\n");
  for (const Shape& shape : kShapes) {
    if (PanelLayoutOf(format.format).has_superblocks() && shape.in % 256 != 0) continue;
    std::printf("%-20s", shape.name);
    const size_t matrix = PackedBlocksBytes(format.format, shape.out, shape.in);
    for (const int rows : kRows) {
      const double seconds =
          TimeProduct(kernels, memory, format.format, rows, shape.in, shape.out, kMemory / matrix, 0.05);
      const double gops = 2e-9 * shape.in * shape.out * rows / seconds, speed = static_cast<double>(matrix) / seconds;
      if (rows <= 16) std::printf("%6.1f (%3.0f %%)", speed * 1e-9, speed / bandwidth * 100);
      if (rows > 16) std::printf("%6.0f (%3.0f %%)", gops, gops / peak * 100);
    }
    std::printf("\n");
  }
}

}  // namespace

void BenchBlocks(const KernelTable& kernels, std::span<char*> names) {
  const Memory memory;
  const double bandwidth = ReadBandwidth(memory.data());
  bool any = false;
  for (const NamedFormat& format : kFormats) {
    for (const char* name : names) {
      if (std::strcmp(name, format.name) != 0) continue;
      any = true;
      BenchFormat(kernels, memory.data(), format, bandwidth);
    }
  }
  if (any) return;
  for (const NamedFormat& format : kFormats) {
    if (format.format == kBlockQ8_0 || format.format == kBlockQ4_0 || format.format == kBlockQ4_K) {
      BenchFormat(kernels, memory.data(), format, bandwidth);
    }
  }
}

}  // namespace bantam
