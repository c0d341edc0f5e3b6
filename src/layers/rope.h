// Rotary position embedding (Su et al., 2021): pairs of a head's values, half a head apart, are turned by an angle that
// grows with the position.
#pragma once

#include <span>
#include <vector>

#include "kernels/isa.h"
#include "layers/activations.h"

namespace bantam {

struct RopeOptions {
  double theta = 10'000;
  int rotary_dim = 0;  // the first values of each head, an even number
  // [rotary_dim / 2], the angle from one position to the next, where theta alone does not say it.
  std::vector<float> frequencies = {};
  float magnitude = 1;  // of the turned values
  bool operator==(const RopeOptions&) const = default;
};

// theta^(-2i / rotary_dim) for each pair, rounded as the reference has them.
std::vector<float> RopeFrequencies(double theta, int rotary_dim);

// Cosines and sines by position, grown to the longest sequence that was asked for; belongs to a workspace.
class RopeTable {
 public:
  explicit RopeTable(const RopeOptions& options);
  void Reserve(int num_positions);
  const RopeOptions& options() const { return options_; }
  const float* cosines() const { return cosines_.data(); }  // [positions, rotary_dim / 2]
  const float* sines() const { return sines_.data(); }

 private:
  RopeOptions options_;
  std::vector<float> frequencies_;
  int num_positions_ = 0;
  std::vector<float> cosines_, sines_;
};

// x: [num_rows, num_heads * head_dim], in place; position_ids: [num_rows], below what was reserved.
void ApplyRope(const Kernels& kernels, const RopeTable& table, const Activations& x,
               std::span<const int32_t> position_ids, int num_heads, int head_dim);

}  // namespace bantam
