// How fast the matrix products alone are, at the shapes of a model's layers: the share of the machine's peak that the
// whole pass cannot exceed. Every thread computes its share of the rows over all columns, as the encoder does with many
// rows. The weights of several layers take turns, so that they come from where a pass finds them.
//
//   cmake --build --preset release --target bantam_product_bench
//   build/release/bantam_product_bench THREADS HIDDEN INTERMEDIATE LAYERS        one JSON object a line
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/isa.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

struct Shape {
  const char* name;
  int in, out;
  Activation activation;
  bool residual;
};

template <typename T>
void Randomize(AlignedBuffer<T>& buffer) {
  std::mt19937 random(1);
  for (size_t i = 0; i < buffer.size(); ++i) {
    buffer.data()[i] = static_cast<T>(static_cast<int>(random() % 255) - 127);
  }
}

// The median of many passes, as the latencies are medians too.
template <typename Body>
double MedianSeconds(Body&& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (double total = 0; times.size() < 12 || (total < 0.15 && times.size() < 3000);) {
    const auto begin = Clock::now();
    body();
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// Calls product(first row, rows) for each thread's share.
template <typename Product>
double TimeShares(ThreadPool& pool, int rows, Product&& product) {
  const int threads = pool.num_threads();
  return MedianSeconds([&] {
    pool.Run(threads, [&](int part, int) {
      const int begin = rows * part / threads, end = rows * (part + 1) / threads;
      if (end > begin) product(begin, end - begin);
    });
  });
}

double TimeProduct(const KernelTable& kernels, ThreadPool& pool, bool int8, const Shape& shape, int rows, int layers) {
  const int columns = PaddedColumns(shape.out);
  const auto padded = static_cast<size_t>(columns);
  const size_t out_size = static_cast<size_t>(rows) * static_cast<size_t>(shape.out);
  const size_t x_size = static_cast<size_t>(rows) * static_cast<size_t>(PaddedInt8Features(shape.in));
  AlignedBuffer<float> out(out_size), residual(out_size), bias(padded), scale(padded), sum(padded);
  Randomize(residual);
  std::fill_n(scale.data(), padded, 1e-3F);
  const std::vector<RowQuant> quant(static_cast<size_t>(rows), RowQuant{0.01F, -1.0F});
  std::atomic<size_t> turn = 0;  // whose weights
  const float* residual_or_null = shape.residual ? residual.data() : nullptr;
  if (int8) {
    const size_t size = PackedInt8Size(shape.out, shape.in);
    AlignedBuffer<int8_t> packed(size * static_cast<size_t>(layers));
    AlignedBuffer<uint8_t> x(x_size);
    Randomize(packed);
    Randomize(x);
    const ptrdiff_t stride = PaddedInt8Features(shape.in);
    return TimeShares(pool, rows, [&](int begin, int count) {
      GemmInt8Args args{};
      args.x = x.data() + begin * stride;
      args.x_stride = stride;
      args.x_quant = quant.data() + begin;
      args.packed = packed.data() + size * (turn % static_cast<size_t>(layers));
      args.weight_scale = scale.data();
      args.weight_sum = sum.data();
      args.bias = bias.data();
      args.residual = residual_or_null == nullptr ? nullptr : residual_or_null + ptrdiff_t{begin} * shape.out;
      args.residual_stride = shape.out;
      args.out = out.data() + ptrdiff_t{begin} * shape.out;
      args.out_stride = shape.out;
      args.num_rows = count;
      args.in_features = shape.in;
      args.out_features = shape.out;
      args.panel_end = columns / kPanelColumns;
      args.activation = shape.activation;
      kernels.gemm_int8(&args);
      if (begin == 0) ++turn;
    });
  }
  const size_t size = PackedF32Size(shape.out, shape.in);
  AlignedBuffer<float> packed(size * static_cast<size_t>(layers)), x(x_size);
  Randomize(packed);
  Randomize(x);
  return TimeShares(pool, rows, [&](int begin, int count) {
    GemmF32Args args{};
    args.x = x.data() + ptrdiff_t{begin} * shape.in;
    args.x_stride = shape.in;
    args.packed = packed.data() + size * (turn % static_cast<size_t>(layers));
    args.bias = bias.data();
    args.residual = residual_or_null == nullptr ? nullptr : residual_or_null + ptrdiff_t{begin} * shape.out;
    args.residual_stride = shape.out;
    args.out = out.data() + ptrdiff_t{begin} * shape.out;
    args.out_stride = shape.out;
    args.num_rows = count;
    args.in_features = shape.in;
    args.out_features = shape.out;
    args.panel_end = columns / kPanelColumns;
    args.activation = shape.activation;
    kernels.gemm_f32(&args);
    if (begin == 0) ++turn;
  });
}

int Main(int threads, int hidden, int intermediate, int layers) {
  const auto selected = SelectKernels();
  if (!selected) {
    std::fprintf(stderr, "product_bench: %s\n", selected.error().message.c_str());
    return 1;
  }
  const Kernels& kernels = **selected;
  ThreadPool pool(threads);
  const Shape shapes[] = {{"qkv", hidden, 3 * hidden, kActivationNone, false},
                          {"attention output", hidden, hidden, kActivationNone, true},
                          {"intermediate", hidden, intermediate, kActivationGelu, false},
                          {"output", intermediate, hidden, kActivationNone, true}};
  for (const bool int8 : {true, false}) {
    for (const int rows : {8, 16, 32, 128, 256, 512, 4096}) {
      double seconds = 0, operations = 0;
      std::printf("{\"dtype\": \"%s\", \"isa\": \"%s\", \"threads\": %d, \"rows\": %d", int8 ? "int8" : "f32",
                  std::string(IsaName(kernels.isa)).c_str(), threads, rows);
      for (const Shape& shape : shapes) {
        const double here = TimeProduct(kernels.table, pool, int8, shape, rows, layers);
        const double work = 2e-9 * shape.in * shape.out * rows;
        std::printf(", \"%s\": %.1f", shape.name, work / here);
        seconds += here;
        operations += work;
      }
      std::printf(", \"gops\": %.1f, \"ms\": %.4f}\n", operations / seconds, seconds * layers * 1e3);
    }
  }
  return 0;
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) {
  int numbers[4] = {1, 384, 1536, 6};  // all-MiniLM-L6-v2
  for (int i = 1; i < argc && i <= 4; ++i) {
    numbers[i - 1] = std::atoi(argv[i]);
    if (numbers[i - 1] < 1 || numbers[i - 1] > 65536) {
      std::fprintf(stderr, "product_bench: %s is no number from 1 to 65536\n", argv[i]);
      return 64;
    }
  }
  return bantam::Main(numbers[0], numbers[1], numbers[2], numbers[3]);
}
