// A matrix of a checkpoint as it became a part of a loaded model.
#pragma once

#include <string>

namespace bantam {

struct Linear;

struct BoundMatrix {
  std::string name;                // without ".weight"
  const Linear* matrix = nullptr;  // null: the table of words
  int first_row = 0, rows = 0;     // of the layer's outputs
  int in = 0;
  bool by_head = false;  // in the checkpoint its rows lie head by head, each with its query, key and value
};

}  // namespace bantam
