#include "learn/input_moments.h"

#include <algorithm>
#include <mutex>

#include "learn/moments.h"
#include "learn/product_tap.h"

namespace bantam {
namespace {

constexpr size_t kMaxRecordedBytes = size_t{256} << 20;
constexpr int kMaxTokens = 4096;
constexpr int kBatchTokens = 256;

void RunAll(const Encoder& encoder, std::span<const std::vector<int32_t>> sequences, int max_tokens, ThreadPool& pool) {
  const auto workspace = encoder.NewWorkspace();
  int total = 0;
  for (size_t next = 0; next < sequences.size() && total < max_tokens;) {
    std::vector<int32_t> ids, cu_seqlens = {0};
    while (next < sequences.size() && static_cast<int>(ids.size()) < kBatchTokens) {
      ids.insert(ids.end(), sequences[next].begin(), sequences[next].end());
      cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
      ++next;
    }
    total += static_cast<int>(ids.size());
    std::vector<float> hidden(ids.size() * static_cast<size_t>(encoder.hidden_size()));
    encoder.Forward({ids, cu_seqlens, {}}, *workspace, pool, hidden);
  }
}

}  // namespace

Result<InputMoments> InputMoments::Record(ModelFolder& model, const std::vector<WeightUnit>& units,
                                          std::span<const std::vector<int32_t>> sequences, ThreadPool& pool) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  std::mutex mutex;
  std::map<const void*, std::vector<float>> recorded;
  const ProductTap tap(*kernels, [&](const GemmF32Args& args) {
    const std::lock_guard lock(mutex);
    const auto found = recorded.find(args.packed);
    if (found == recorded.end()) return;
    for (int r = 0; r < args.num_rows; ++r) {
      const float* row = args.x + r * args.x_stride;
      found->second.insert(found->second.end(), row, row + args.in_features);
    }
  });
  std::vector<WeightUnit> loaded;
  BANTAM_TRY(const auto encoder, LoadEncoder(model, {.weight_type = WeightType::kF32,
                                                     .use_packed_files = false,
                                                     .units = &loaded,
                                                     .kernels = &tap.kernels()}));
  size_t row_bytes = 0;
  for (const WeightUnit& unit : loaded) {
    if (unit.packed_f32 == nullptr) continue;
    recorded[unit.packed_f32];
    row_bytes += static_cast<size_t>(unit.columns) * sizeof(float);
  }
  const auto max_tokens =
      static_cast<int>(std::min<size_t>(kMaxTokens, kMaxRecordedBytes / std::max<size_t>(row_bytes, 1)));
  RunAll(*encoder, sequences, max_tokens, pool);

  InputMoments result;
  result.moments_.resize(units.size());
  pool.Run(static_cast<int>(units.size()), [&](int i, int) {
    const auto at = static_cast<size_t>(i);
    const void* packed = loaded[at].packed_f32;
    if (packed == nullptr) return;
    std::vector<float>& rows = recorded.at(packed);
    result.moments_[at] = Moments(rows, loaded[at].columns, *kernels, nullptr);
    rows = {};
  });
  return result;
}

}  // namespace bantam
