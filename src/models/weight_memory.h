// The block that holds a model's packed weights: anonymous memory filled at load, or a packed file mapped from disk.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/mapped_file.h"

namespace bantam {

// Move-only; the bytes keep their address.
class WeightMemory {
 public:
  // Zeroed, 64-byte aligned, in huge pages where the system grants them. kOutOfMemory when it does not fit.
  static Result<WeightMemory> Allocate(size_t size);
  static WeightMemory FromFile(MappedFile file, size_t offset);

  WeightMemory(WeightMemory&& other) noexcept;
  WeightMemory& operator=(WeightMemory&& other) noexcept;
  ~WeightMemory();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // For weights of which every pass reads all: maps a file's pages at once. Nothing to do for memory.
  void Populate() const {
    if (file_) file_->Populate();
  }
  std::span<std::byte> writable() { return {owned_, size_}; }  // of Allocate only

 private:
  WeightMemory() = default;
  const std::byte* data_ = nullptr;
  std::byte* owned_ = nullptr;
  size_t size_ = 0;
  size_t mapped_bytes_ = 0;
  std::optional<MappedFile> file_;
};

}  // namespace bantam
