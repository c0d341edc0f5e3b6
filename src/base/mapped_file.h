// A read-only mapping of a whole regular file.
#pragma once

#include <cstddef>
#include <span>

#include "base/file_io.h"

namespace bantam {

// Move-only; the bytes stay valid and at the same address until destruction. A file that shrinks under the mapping
// would raise SIGBUS, so loaders copy what they keep (docs/architecture.md, "Model files").
class MappedFile {
 public:
  static Result<MappedFile> Open(const Path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const Path& path() const { return path_; }
  // A hint for the system's reading ahead; changes nothing else.
  enum class Access { kWholeSoon, kRandom };
  void Advise(Access access) const;
  // Whole pages of `bytes` leave this process' memory, if they lie in the mapping; whoever reads them again gets them
  // back from the file. For what was copied.
  void Release(std::span<const std::byte> bytes) const;
  // All pages become this process' at once, read from disk where they have to be: cheaper than one fault after another.
  void Populate() const;

 private:
  MappedFile(Path path, const std::byte* data, size_t size) : path_(std::move(path)), data_(data), size_(size) {}
  Path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace bantam
