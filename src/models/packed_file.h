// A model's packed weights on disk, so that the next start maps 23 MB that are ready to use instead of converting 90.
// Disposable: named by what it was made from, written atomically, and ignored unless its header says exactly what we
// would write.
#pragma once

#include <optional>
#include <string>

#include "models/weight_memory.h"

namespace bantam {

struct PackedFile {
  Path folder;
  std::string weights_sha256;  // of the original weights
  std::string contents;        // one line: architecture, sizes, weight type
  size_t size_bytes = 0;       // of the packed weights

  // FOLDER/<first 16 of weights_sha256>-<layout version>-<kernel layout>-<8 of contents' sha256>.bin: the int8 and the
  // int4 weights of one model lie side by side.
  Path path() const;
};

struct OpenedPackedFile {
  WeightMemory memory;
  uint64_t num_parameters = 0;
};

// Nothing when there is no such file, or one with another header or size (which is then remade).
std::optional<OpenedPackedFile> OpenPackedFile(const PackedFile& file);
Status WritePackedFile(const PackedFile& file, std::span<const std::byte> weights, uint64_t num_parameters);

}  // namespace bantam
