// Times single kernels against the machine's own peak: products at the shapes of MiniLM and BERT-base, attention by
// length.
//
//   kernels_bench [int8|f32|attention|rows]...      all of them without an argument
//   kernels_bench blocks [Q4_0|Q4_K|...]...         products in the block formats of GGUF
//
// The peak is what the best product of the run reaches when everything lies in L1: 6 rows of one panel.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/bench_time.h"
#include "kernels/blocks_bench.h"
#include "kernels/isa.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

template <typename T>
void Randomize(AlignedBuffer<T>& buffer) {
  std::mt19937 random(1);
  for (size_t i = 0; i < buffer.size(); ++i) {
    if constexpr (std::is_same_v<T, float>) {
      buffer.data()[i] = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1e-3f;
    } else {
      buffer.data()[i] = static_cast<T>(random());
    }
  }
}

struct Shape {
  int in, out;
  Activation activation;
  bool residual;
  const char* name;
};
const Shape kShapes[] = {{384, 1152, kActivationNone, false, "MiniLM qkv"},
                         {384, 384, kActivationNone, true, "MiniLM attention output"},
                         {384, 1536, kActivationGelu, false, "MiniLM intermediate"},
                         {1536, 384, kActivationNone, true, "MiniLM output"},
                         {768, 2304, kActivationNone, false, "BERT-base qkv"},
                         {768, 3072, kActivationGelu, false, "BERT-base intermediate"},
                         {3072, 768, kActivationNone, true, "BERT-base output"}};
const int kRows[] = {1, 2, 4, 6, 8, 12, 16, 24, 48, 128, 512};

// Seconds of one product of `rows` rows; the weights of `copies` matrices take turns, as the layers of a model do.
double TimeProduct(const KernelTable& kernels, bool int8, const Shape& shape, int rows, int copies) {
  const int columns = PaddedColumns(shape.out);
  const auto out_size = static_cast<size_t>(rows) * shape.out;
  AlignedBuffer<float> out(out_size), residual(out_size), bias(columns), scale(columns), sum(columns);
  Randomize(residual);
  for (float& s : std::span(scale.data(), scale.size())) s = 1e-3f;
  std::vector<RowQuant> quant(rows, RowQuant{0.01f, -1.0f});
  int turn = 0;
  if (int8) {
    const size_t size = PackedInt8Size(shape.out, shape.in);
    AlignedBuffer<int8_t> packed(size * copies);
    AlignedBuffer<uint8_t> x(static_cast<size_t>(rows) * shape.in);
    Randomize(packed);
    Randomize(x);
    GemmInt8Args args{.x = x.data(),
                      .x_stride = shape.in,
                      .x_quant = quant.data(),
                      .packed = nullptr,
                      .weight_scale = scale.data(),
                      .weight_sum = sum.data(),
                      .bias = bias.data(),
                      .residual = shape.residual ? residual.data() : nullptr,
                      .residual_stride = shape.out,
                      .out = out.data(),
                      .out_stride = shape.out,
                      .num_rows = rows,
                      .in_features = shape.in,
                      .out_features = shape.out,
                      .panel_begin = 0,
                      .panel_end = columns / kPanelColumns,
                      .activation = shape.activation};
    return BestSeconds([&] {
      args.packed = packed.data() + size * (turn++ % copies);
      kernels.gemm_int8(&args);
    });
  }
  const size_t size = PackedF32Size(shape.out, shape.in);
  AlignedBuffer<float> packed(size * copies), x(static_cast<size_t>(rows) * shape.in);
  Randomize(packed);
  Randomize(x);
  GemmF32Args args{.x = x.data(),
                   .x_stride = shape.in,
                   .packed = nullptr,
                   .bias = bias.data(),
                   .residual = shape.residual ? residual.data() : nullptr,
                   .residual_stride = shape.out,
                   .out = out.data(),
                   .out_stride = shape.out,
                   .num_rows = rows,
                   .in_features = shape.in,
                   .out_features = shape.out,
                   .panel_begin = 0,
                   .panel_end = columns / kPanelColumns,
                   .activation = shape.activation};
  return BestSeconds([&] {
    args.packed = packed.data() + size * (turn++ % copies);
    kernels.gemm_f32(&args);
  });
}

double Rate(const Shape& shape, int rows, double seconds) { return 2e-9 * shape.in * shape.out * rows / seconds; }

void Products(const KernelTable& kernels, bool int8) {
  const Shape in_l1{256, 64, kActivationNone, false, "in L1"};
  double peak = 0;
  for (int rows : {6, 48, 60}) peak = std::max(peak, Rate(in_l1, rows, TimeProduct(kernels, int8, in_l1, rows, 1)));
  std::printf("%s, giga-operations/s; in L1: %.0f\n%-26s", int8 ? "int8" : "f32", peak, "rows");
  for (int rows : kRows) std::printf("%6d", rows);
  std::printf("\n");
  for (const Shape& shape : kShapes) {
    std::printf("%-26s", shape.name);
    for (int rows : kRows) std::printf("%6.0f", Rate(shape, rows, TimeProduct(kernels, int8, shape, rows, 6)));
    std::printf("\n");
  }
}

void AttentionByLength(const KernelTable& kernels) {
  std::printf("attention, one head of 32 or 64, microseconds (giga-operations/s)\n");
  for (int dim : {32, 64}) {
    for (int length : {8, 16, 32, 64, 128, 256, 512}) {
      const int stride = 12 * 3 * dim;
      AlignedBuffer<float> qkv(static_cast<size_t>(length) * stride), out(static_cast<size_t>(length) * stride),
          scratch(AttentionScratch(length, dim));
      Randomize(qkv);
      const AttentionArgs args{.q = qkv.data(),
                               .k = qkv.data() + 12 * dim,
                               .v = qkv.data() + 24 * dim,
                               .qkv_stride = stride,
                               .out = out.data(),
                               .out_stride = 12 * dim,
                               .num_queries = length,
                               .num_keys = length,
                               .head_dim = dim,
                               .scale = 0.2f,
                               .scratch = scratch.data()};
      const double exact = BestSeconds([&] { kernels.attention(&args); });
      const double approximate = BestSeconds([&] { kernels.attention_approximate(&args); });
      const double operations = 4e-9 * length * length * dim;
      std::printf("dim %d length %4d: exact %8.2f (%4.0f), approximate %8.2f (%4.0f)\n", dim, length, exact * 1e6,
                  operations / exact, approximate * 1e6, operations / approximate);
    }
  }
}

void RowKernels(const KernelTable& kernels) {
  std::printf("rows, nanoseconds for one row of 48\n");
  const int rows = 48;
  for (int columns : {384, 1536}) {
    AlignedBuffer<float> x(static_cast<size_t>(rows) * columns), out(x.size()), gamma(columns), beta(columns);
    AlignedBuffer<uint8_t> bytes(x.size());
    std::vector<RowQuant> quant(rows);
    Randomize(x);
    LayerNormArgs norm{.x = x.data(),
                       .x_stride = columns,
                       .gamma = gamma.data(),
                       .beta = beta.data(),
                       .epsilon = 1e-12f,
                       .out = out.data(),
                       .out_stride = columns,
                       .quantized = bytes.data(),
                       .quantized_stride = columns,
                       .quantized_rows = quant.data(),
                       .num_rows = rows,
                       .columns = columns};
    const QuantizeArgs quantize{.x = x.data(),
                                .x_stride = columns,
                                .out = bytes.data(),
                                .out_stride = columns,
                                .out_quant = quant.data(),
                                .num_rows = rows,
                                .columns = columns};
    const double with_bytes = BestSeconds([&] { kernels.layer_norm(&norm); });
    norm.quantized = nullptr;
    const double norm_alone = BestSeconds([&] { kernels.layer_norm(&norm); });
    const double bytes_alone = BestSeconds([&] { kernels.quantize(&quantize); });
    std::printf("%4d columns: LayerNorm %.0f, with bytes %.0f, quantize %.0f\n", columns, norm_alone / rows * 1e9,
                with_bytes / rows * 1e9, bytes_alone / rows * 1e9);
  }
}

int Main(int argc, char** argv) {
  const auto kernels = SelectKernels();
  if (!kernels) {
    std::fprintf(stderr, "%s\n", kernels.error().ToString().c_str());
    return 1;
  }
  const auto wanted = [&](const char* what) {
    return argc == 1 ||
           std::any_of(argv + 1, argv + argc, [&](const char* arg) { return std::strcmp(arg, what) == 0; });
  };
  const KernelTable& table = (*kernels)->table;
  std::printf("%s\n", std::string(IsaName((*kernels)->isa)).c_str());
  if (argc > 1 && std::strcmp(argv[1], "blocks") == 0) {
    BenchBlocks(table, std::span(argv + 2, argv + argc));
    return 0;
  }
  if (wanted("int8")) Products(table, true);
  if (wanted("f32")) Products(table, false);
  if (wanted("attention")) AttentionByLength(table);
  if (wanted("rows")) RowKernels(table);
  return 0;
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) { return bantam::Main(argc, argv); }
