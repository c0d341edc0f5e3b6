// Which block format each matrix of a decoder gets: the one that was asked for, and a better one, as far as a given
// number of bytes reaches, for those where a byte more saves most of what rounding loses.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bantam {

// A matrix, and what a format costs it and loses of it.
struct FormatCandidate {
  DType dtype = DType::kQ8_0;
  uint64_t bytes = 0;
  double loss = 0;  // the share of its outputs' energy that is error
};
struct FormatLadder {
  std::string name;
  std::vector<FormatCandidate> steps;  // each with more bytes than the one before
  size_t chosen = 0;
};

// The formats that a matrix of so many columns can have from `type` on. The formats in superblocks of 256 do not fit
// every width: their place is then taken by the format in blocks of 32 with as many bits.
std::vector<DType> FormatsFrom(DType type, size_t columns);

// Of `weights` [rows, columns] in each of the formats, measured on some of the rows. `importance` as QuantizeToBlocks
// has it.
FormatLadder MeasureFormats(std::string name, const TensorView& weights, std::span<const float> importance,
                            std::span<const DType> formats);

// Climbs the ladders, the step that saves most loss for a byte first, until `extra_bytes` are spent.
void ChooseFormats(std::span<FormatLadder> ladders, uint64_t extra_bytes);

}  // namespace bantam
