#include "models/weight_memory.h"

#include <sys/mman.h>

#include <utility>

#include "base/check.h"
#include "base/text_util.h"

namespace bantam {

Result<WeightMemory> WeightMemory::Allocate(size_t size) {
  WeightMemory memory;
  memory.size_ = size;
  memory.mapped_bytes_ = std::max<size_t>(size, 1);
  void* data = ::mmap(nullptr, memory.mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    memory.mapped_bytes_ = 0;
    return Err(ErrorCode::kOutOfMemory, "cannot allocate {} for a model's weights", HumanBytes(size));
  }
  ::madvise(data, memory.mapped_bytes_, MADV_HUGEPAGE);  // a wish: without it the weights only read a little slower
  memory.owned_ = static_cast<std::byte*>(data);
  memory.data_ = memory.owned_;
  return memory;
}

WeightMemory WeightMemory::FromFile(MappedFile file, size_t offset) {
  BANTAM_CHECK(offset <= file.bytes().size());
  WeightMemory memory;
  memory.data_ = file.bytes().data() + offset;
  memory.size_ = file.bytes().size() - offset;
  memory.file_ = std::move(file);
  return memory;
}

WeightMemory::WeightMemory(WeightMemory&& other) noexcept { *this = std::move(other); }

WeightMemory& WeightMemory::operator=(WeightMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(owned_, other.owned_);
  std::swap(size_, other.size_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(file_, other.file_);
  return *this;
}

WeightMemory::~WeightMemory() {
  if (owned_ != nullptr) ::munmap(owned_, mapped_bytes_);
}

}  // namespace bantam
