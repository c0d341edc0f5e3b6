#include "learn/input_energy.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "learn/decoder_pass.h"
#include "learn/product_tap.h"

namespace bantam {
namespace {

constexpr int kChunk = 128;
constexpr int kLogitsRows = 16;  // of a chunk: enough for the head's inputs, whose product is the dearest

struct Sum {
  std::vector<double> squares;
  uint64_t rows = 0;
};

}  // namespace

Result<InputEnergy> InputEnergy::Record(ModelFolder& model, std::span<const int32_t> ids, int context, ThreadPool& pool,
                                        const std::function<void(double fraction)>& progress) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  std::mutex mutex;
  std::map<const void*, Sum> sums;
  const ProductTap tap(*kernels, [&](const GemmF32Args& args) {
    const auto found = sums.find(args.packed);
    if (found == sums.end()) return;
    const auto width = static_cast<size_t>(args.in_features);
    std::vector<double> squares(width);
    for (int r = 0; r < args.num_rows; ++r) {
      const float* row = args.x + r * args.x_stride;
      for (size_t k = 0; k < width; ++k) squares[k] += static_cast<double>(row[k]) * row[k];
    }
    const std::lock_guard lock(mutex);
    for (size_t k = 0; k < width; ++k) found->second.squares[k] += squares[k];
    found->second.rows += static_cast<uint64_t>(args.num_rows);
  });
  std::vector<WeightUnit> units;
  BANTAM_TRY(const auto decoder, LoadDecoder(model, {.weight_type = WeightType::kF32,
                                                     .use_packed_files = false,
                                                     .units = &units,
                                                     .kernels = &tap.kernels()}));
  for (const WeightUnit& unit : units) {
    if (unit.packed_f32 != nullptr) sums[unit.packed_f32].squares.resize(static_cast<size_t>(unit.columns));
  }
  BANTAM_TRY(DecoderPass pass, DecoderPass::Create(*decoder, pool, context));
  for (size_t begin = 0; begin < ids.size();) {
    const size_t place = begin % static_cast<size_t>(context);
    const size_t count = std::min<size_t>({kChunk, ids.size() - begin, static_cast<size_t>(context) - place});
    pass.Next(ids.subspan(begin, count), static_cast<int>(place), std::min(static_cast<int>(count), kLogitsRows));
    begin += count;
    if (progress) progress(static_cast<double>(begin) / static_cast<double>(ids.size()));
  }

  InputEnergy result;
  for (const WeightUnit& unit : units) {
    auto energy = std::make_shared<std::vector<float>>();
    if (const auto found = sums.find(unit.packed_f32); found != sums.end() && found->second.rows > 0) {
      const Sum& sum = found->second;
      const double total = std::accumulate(sum.squares.begin(), sum.squares.end(), 0.0);
      // An input that was always zero may be something else in another text.
      const double least = 1e-4 * total / static_cast<double>(sum.squares.size());
      if (total > 0) {
        for (const double squares : sum.squares) {
          energy->push_back(static_cast<float>(std::max(squares, least) / static_cast<double>(sum.rows)));
        }
      }
    }
    for (const LinearPart& part : unit.parts) result.energies_[part.name] = energy;
  }
  return result;
}

std::span<const float> InputEnergy::Of(std::string_view name) const {
  const auto found = energies_.find(name);
  if (found == energies_.end()) return {};
  return *found->second;
}

}  // namespace bantam
