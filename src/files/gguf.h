// The GGUF format: a header of typed metadata and tensor descriptions, then the tensors' bytes, aligned. Versions 2 and
// 3, little-endian, in one file or split (NAME-00001-of-00003.gguf).
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; every rule of it is checked here, before anything is
// allocated for a count or a length that the file claims.
//
//   BANTAM_TRY(const auto file, GgufFile::Open("model.gguf"));       // the first part opens the others
//   BANTAM_TRY(const int64_t layers, file->metadata().Below("llama.").Int("block_count", 1, 1024));
//   const GgufTensor* w = file->Find("blk.0.attn_q.weight");         // null when absent
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "files/gguf_metadata.h"
#include "tensor/tensor.h"

namespace bantam {

struct GgufLimits {
  static constexpr uint64_t kKeys = 65'536;
  static constexpr uint64_t kTensors = 65'536;
  static constexpr uint64_t kKeyBytes = 65'535;
  static constexpr uint64_t kNameBytes = 255;
  static constexpr uint64_t kStringBytes = uint64_t{16} << 20;
  static constexpr uint64_t kArrayElements = uint64_t{64} << 20;
  static constexpr int kArrayDepth = 4;  // arrays in arrays
  static constexpr uint32_t kDimensions = 4;
  static constexpr uint64_t kLeastAlignment = 8, kMostAlignment = uint64_t{64} << 10;
  static constexpr int64_t kParts = 1024;
};

struct GgufTensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;                  // row-major: the file's dimensions in reverse
  uint64_t begin = 0, end = 0;  // in the file
  uint64_t header_offset = 0;   // of the description, for errors
};

struct GgufHeader {
  uint32_t version = 0;
  uint64_t alignment = 32;
  std::shared_ptr<const GgufMetadata::Map> metadata;  // refers to the bytes
  std::vector<GgufTensorEntry> tensors;               // in the order of the file's descriptions
};

// The whole file's bytes. kCorrupt or kUnsupported; errors begin with `name` (must be safe to print) and say field,
// byte and what was expected.
Result<GgufHeader> ParseGguf(std::span<const std::byte> bytes, std::string_view name);

struct GgufTensor {
  std::string name;
  TensorView view;
  size_t part = 0;  // which of paths() it lies in
};

// Immutable; any thread. Values and views point into mapped files: they live as long as this object, and a file that
// another process shortens raises SIGBUS (docs/architecture.md, "Model files").
class GgufFile {
 public:
  // A file, or the first part of a split one. kNotFound names a part that is missing.
  static Result<std::shared_ptr<const GgufFile>> Open(const Path& path);

  const GgufMetadata& metadata() const { return metadata_; }
  std::span<const GgufTensor> tensors() const { return tensors_; }
  const GgufTensor* Find(std::string_view name) const;
  const std::vector<Path>& paths() const { return paths_; }
  uint32_t version() const { return version_; }
  uint64_t size_bytes() const;
  // Tells the system how the tensors will be read: all of them soon, or here and there.
  enum class Access { kWholeSoon, kRandom };
  void Advise(Access access) const;
  void Release(std::span<const std::byte> bytes) const {
    for (const MappedFile& file : mapped_) file.Release(bytes);  // all but the one that they lie in do nothing
  }

 private:
  GgufFile() = default;
  Status OpenParts(const Path& first);
  Status AddPart(MappedFile mapped, GgufHeader header);

  std::vector<Path> paths_;
  std::vector<MappedFile> mapped_;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string_view, size_t> by_name_;
  uint32_t version_ = 0;
};

}  // namespace bantam
