// In which order a file has the rows of a matrix.
#pragma once

#include <cstdint>

namespace bantam {

// As they are; or, as converters of llama.cpp write queries and keys for rotations of neighbours, with the two halves
// of each head's rows taken in turn.
struct RowOrder {
  int64_t paired_head_dim = 0;  // rows of a head, even; 0: as they are

  bool as_they_are() const { return paired_head_dim == 0; }
  // Where row `row` of the model lies.
  int64_t InFile(int64_t row) const {
    if (as_they_are()) return row;
    const int64_t in_head = row % paired_head_dim, half = paired_head_dim / 2;
    return row - in_head + in_head % half * 2 + in_head / half;
  }
};

}  // namespace bantam
