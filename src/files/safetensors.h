// The safetensors format: 8 bytes of header length (little-endian), a JSON header, the tensors' bytes.
// https://huggingface.co/docs/safetensors; every rule of it is checked here, before anything is allocated for a tensor.
//
//   BANTAM_TRY(auto file, SafetensorsFile::Open("model.safetensors"));
//   const TensorView* w = file->Find("pooler.dense.weight");   // null when absent
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "tensor/tensor.h"

namespace bantam {

// The format allows a header of 100 MB; the counts below keep what we allocate for it in proportion.
struct SafetensorsLimits {
  static constexpr uint64_t kHeaderBytes = 100'000'000;
  static constexpr size_t kTensors = 65'536;
  static constexpr size_t kNameBytes = 255;
  static constexpr size_t kDimensions = 8;
  static constexpr size_t kMetadataEntries = 65'536;
  static constexpr size_t kMetadataBytes = 16 << 20;  // keys and values together
};

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes in the file
  uint64_t header_offset = 0;   // where the header describes it, for messages
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  // by name
  std::map<std::string, std::string> metadata;
};

// bytes: the whole file. `name` begins errors, `NAME: FIELD at byte OFFSET: WHY (got X, limit Y)`; it must be safe to
// print. On success the tensors tile the file after the header exactly: no hole, no overlap, nothing behind the last
// one.
Result<SafetensorsHeader> ParseSafetensors(std::span<const std::byte> bytes, std::string_view name);

// A mapped file. The views point into the mapping and live as long as this object. They may start at any byte: read
// them with memcpy (CopyToF32 does). If another process shortens the file while it is mapped, touching the lost part
// raises SIGBUS, so loaders copy or pack what they keep and then let go of the file (docs/architecture.md, "Model
// files").
class SafetensorsFile {
 public:
  static Result<std::unique_ptr<SafetensorsFile>> Open(const Path& path);

  const TensorView* Find(std::string_view name) const;
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::span<const std::byte> bytes() const { return file_.bytes(); }
  const Path& path() const { return file_.path(); }
  void Release(std::span<const std::byte> bytes) const { file_.Release(bytes); }

 private:
  explicit SafetensorsFile(MappedFile file) : file_(std::move(file)) {}
  MappedFile file_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

// A file's bytes from named tensors: what Open reads back. Tensors lie in the map's order; the header is padded so that
// they start at a multiple of 64 bytes. The views' bytes must fit their shapes.
std::string SerializeSafetensors(const std::map<std::string, TensorView>& tensors,
                                 const std::map<std::string, std::string>& metadata);

}  // namespace bantam
