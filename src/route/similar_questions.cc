#include "route/similar_questions.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/packing.h"

namespace bantam {
namespace {

constexpr auto kPanel = static_cast<size_t>(kPanelColumns);

size_t PanelBytes(size_t dimensions) { return PackedInt8Size(kPanelColumns, static_cast<int>(dimensions)); }

// Where weight k of column `column` lies in a panel.
size_t PlaceInPanel(size_t k, size_t column) {
  constexpr auto kGroup = static_cast<size_t>(kInt8KGroup);
  return (k / kGroup * kPanel + column) * kGroup + k % kGroup;
}

float Length(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  return static_cast<float>(std::sqrt(sum));
}

// A level that cannot be had is for whoever loads an encoder to complain of: `bantam cache flush` loads none.
const Kernels* TheKernels() {
  static const Kernels scalar = KernelsFor(Isa::kScalar).value();
  const auto kernels = SelectKernels();
  return kernels ? *kernels : &scalar;
}

}  // namespace

size_t SimilarQuestions::DigestHash::operator()(const Sha256Digest& key) const {
  size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

SimilarQuestions::SimilarQuestions(size_t max_entries) : max_entries_(max_entries), kernels_(TheKernels()) {}

void SimilarQuestions::SetLimit(size_t max_entries) { max_entries_ = max_entries; }

std::string SimilarQuestions::Pack(std::span<const float> vector) {
  const float length = Length(vector);
  if (!(length > 0) || !std::isfinite(length)) return {};
  std::vector<float> unit(vector.begin(), vector.end());
  for (float& x : unit) x /= length;
  std::vector<int8_t> bytes(unit.size());
  const float scale = QuantizeRowInt8(unit, bytes);
  std::string packed(sizeof scale + bytes.size(), '\0');
  std::memcpy(packed.data(), &scale, sizeof scale);
  std::memcpy(packed.data() + sizeof scale, bytes.data(), bytes.size());
  return packed;
}

void SimilarQuestions::Add(const Sha256Digest& partition, SimilarQuestion question, const std::string& packed) {
  float scale = 0;
  if (packed.size() <= sizeof scale || max_entries_ == 0) return;
  std::memcpy(&scale, packed.data(), sizeof scale);
  if (!(scale > 0) || !std::isfinite(scale)) return;
  std::vector<int8_t> row(packed.size() - sizeof scale);
  std::memcpy(row.data(), packed.data() + sizeof scale, row.size());
  const std::lock_guard lock(mutex_);
  RemoveLocked(question.key);
  // Which one does not matter: the disk, whose order counts, has told of those that it dropped.
  while (places_.size() >= max_entries_) RemoveLocked(Sha256Digest(places_.begin()->first));
  Group& group = groups_[partition];
  if (group.entries.empty()) group.dimensions = row.size();
  if (group.dimensions != row.size()) return;  // cannot be: the encoder is part of the partition
  places_[question.key] = {partition, group.entries.size()};
  group.entries.push_back({std::move(question), scale});
  group.rows.insert(group.rows.end(), row.begin(), row.end());
  if (group.entries.size() - group.num_packed() == kPanel) PackFullPanel(group);
}

void SimilarQuestions::Remove(const Sha256Digest& key) {
  const std::lock_guard lock(mutex_);
  RemoveLocked(key);
}

void SimilarQuestions::Clear() {
  const std::lock_guard lock(mutex_);
  groups_.clear();
  places_.clear();
}

size_t SimilarQuestions::size() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

// The last entry takes the place of the one that goes.
void SimilarQuestions::RemoveLocked(const Sha256Digest& key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return;
  const Place place = found->second;
  places_.erase(found);
  Group& group = groups_.at(place.partition);
  if (group.rows.empty()) UnpackLastPanel(group);
  const size_t last = group.entries.size() - 1;
  if (place.index != last) {
    std::vector<int8_t> row(group.dimensions);
    ReadRow(group, last, row);
    group.entries[place.index] = std::move(group.entries[last]);
    WriteRow(group, place.index, row);
    places_[group.entries[place.index].question.key].index = place.index;
  }
  group.entries.pop_back();
  group.rows.resize(group.rows.size() - group.dimensions);
  if (group.entries.empty()) groups_.erase(place.partition);
}

void SimilarQuestions::ReadRow(const Group& group, size_t index, std::span<int8_t> row) const {
  if (index >= group.num_packed()) {
    const int8_t* from = group.rows.data() + (index - group.num_packed()) * group.dimensions;
    std::copy_n(from, group.dimensions, row.begin());
    return;
  }
  const int8_t* panel = group.packed.data() + index / kPanel * PanelBytes(group.dimensions);
  for (size_t k = 0; k < group.dimensions; ++k) row[k] = panel[PlaceInPanel(k, index % kPanel)];
}

void SimilarQuestions::WriteRow(Group& group, size_t index, std::span<const int8_t> row) {
  if (index >= group.num_packed()) {
    std::copy(row.begin(), row.end(),
              group.rows.begin() + static_cast<ptrdiff_t>((index - group.num_packed()) * group.dimensions));
    return;
  }
  int8_t* panel = group.packed.data() + index / kPanel * PanelBytes(group.dimensions);
  int sum = 0;
  for (size_t k = 0; k < group.dimensions; ++k) {
    panel[PlaceInPanel(k, index % kPanel)] = row[k];
    sum += row[k];
  }
  group.scales[index] = group.entries[index].scale;
  group.sums[index] = static_cast<float>(sum);
}

void SimilarQuestions::PackFullPanel(Group& group) {
  const std::vector<int8_t> rows = std::exchange(group.rows, {});
  const size_t first = group.num_packed();
  group.packed.resize(group.packed.size() + PanelBytes(group.dimensions));  // zeros behind the last dimension
  group.scales.resize(first + kPanel);
  group.sums.resize(first + kPanel);
  for (size_t i = 0; i < kPanel; ++i)
    WriteRow(group, first + i, std::span(rows).subspan(i * group.dimensions, group.dimensions));
}

void SimilarQuestions::UnpackLastPanel(Group& group) {
  const size_t first = group.num_packed() - kPanel;
  std::vector<int8_t> rows(kPanel * group.dimensions);
  for (size_t i = 0; i < kPanel; ++i)
    ReadRow(group, first + i, std::span(rows).subspan(i * group.dimensions, group.dimensions));
  group.rows = std::move(rows);
  group.packed.resize(group.packed.size() - PanelBytes(group.dimensions));
  group.scales.resize(first);
  group.sums.resize(first);
}

std::vector<float> SimilarQuestions::Similarities(const Group& group, std::span<const float> unit) const {
  std::vector<float> out(group.entries.size());
  const int dimensions = static_cast<int>(unit.size());
  const ptrdiff_t stride = PaddedInt8Features(dimensions);
  std::vector<uint8_t> bytes(static_cast<size_t>(stride));
  RowQuant quant{};
  const QuantizeArgs quantize{.x = unit.data(),
                              .x_stride = dimensions,
                              .out = bytes.data(),
                              .out_stride = stride,
                              .out_quant = &quant,
                              .num_rows = 1,
                              .columns = dimensions};
  kernels_->table.quantize(&quantize);
  if (const size_t packed = group.num_packed(); packed > 0) {
    const std::vector<float> bias(packed);
    GemmInt8Args args{};
    args.x = bytes.data();
    args.x_stride = stride;
    args.x_quant = &quant;
    args.packed = group.packed.data();
    args.weight_scale = group.scales.data();
    args.weight_sum = group.sums.data();
    args.bias = bias.data();
    args.out = out.data();
    args.out_stride = static_cast<ptrdiff_t>(packed);
    args.num_rows = 1;
    args.in_features = dimensions;
    args.out_features = static_cast<int>(packed);
    args.panel_end = static_cast<int>(packed / kPanel);
    kernels_->table.gemm_int8(&args);
  }
  for (size_t i = group.num_packed(); i < group.entries.size(); ++i) {
    const int8_t* row = group.rows.data() + (i - group.num_packed()) * group.dimensions;
    int32_t product = 0, sum = 0;
    for (size_t k = 0; k < group.dimensions; ++k) {
      product += row[k] * bytes[k];
      sum += row[k];
    }
    out[i] =
        group.entries[i].scale * (quant.scale * static_cast<float>(product) + quant.minimum * static_cast<float>(sum));
  }
  return out;
}

std::vector<SimilarQuestion> SimilarQuestions::Find(const Sha256Digest& partition, std::span<const float> vector,
                                                    float least_similarity) const {
  const float length = Length(vector);
  if (!(length > 0) || !std::isfinite(length)) return {};
  std::vector<float> unit(vector.begin(), vector.end());
  for (float& x : unit) x /= length;
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(partition);
  if (found == groups_.end() || found->second.dimensions != vector.size()) return {};
  const std::vector<float> similarities = Similarities(found->second, unit);
  std::vector<size_t> best;
  const auto better = [&](size_t a, size_t b) {
    return similarities[a] != similarities[b] ? similarities[a] > similarities[b] : a < b;
  };
  for (size_t i = 0; i < similarities.size(); ++i) {
    if (!(similarities[i] >= least_similarity)) continue;
    best.insert(std::upper_bound(best.begin(), best.end(), i, better), i);
    if (best.size() > ResultCache::kMostSimilar) best.pop_back();
  }
  std::vector<SimilarQuestion> out;
  for (const size_t i : best) {
    out.push_back(found->second.entries[i].question);
    out.back().similarity = std::clamp(similarities[i], -1.0f, 1.0f);
  }
  return out;
}

}  // namespace bantam
