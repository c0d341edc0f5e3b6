// Writes a GGUF file, version 3: keys, tensor descriptions, then the tensors' bytes one after the other, so that no
// more than one tensor is in memory.
//
//   GgufWriter gguf;
//   gguf.CopyKeys(original->metadata());
//   gguf.U32("general.file_type", 15);                       // in place of the one that was copied
//   gguf.Tensor("blk.0.attn_q.weight", DType::kQ4_K, {2048, 2048});
//   BANTAM_RETURN_IF_ERROR(gguf.Write("model.gguf", [&](size_t tensor, std::span<std::byte> out) { ... }));
//
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"
#include "files/gguf_metadata.h"
#include "tensor/tensor.h"

namespace bantam {

class GgufWriter {
 public:
  // A key said twice has its last value. Keys are written in the order of their names, "general.architecture" first.
  void String(std::string_view key, std::string_view value);
  void U32(std::string_view key, uint32_t value);
  void F32(std::string_view key, float value);
  void Bool(std::string_view key, bool value);
  void Strings(std::string_view key, std::span<const std::string> values);
  void Floats(std::string_view key, std::span<const float> values);
  void Ints(std::string_view key, std::span<const int32_t> values);
  // All of another file's, but for those of its splitting.
  void CopyKeys(const GgufMetadata& metadata);

  // shape: row-major, as TensorView has it. A type that GGUF has a number for.
  void Tensor(std::string_view name, DType dtype, const Shape& shape);
  size_t num_tensors() const { return tensors_.size(); }
  uint64_t tensor_bytes() const;

  // `fill` is asked for each tensor in order; out: its bytes. Written beside `path`, synced, then renamed over it:
  // there is the old file or the new one.
  Status Write(const Path& path, const std::function<Status(size_t tensor, std::span<std::byte> out)>& fill) const;

 private:
  struct Value {
    GgufType type = GgufType::kU8;
    std::string bytes;
  };
  struct Described {
    std::string name;
    DType dtype;
    Shape shape;
    uint64_t bytes() const;
  };
  void Put(std::string_view key, GgufType type, std::string bytes);

  std::map<std::string, Value, std::less<>> keys_;
  std::vector<Described> tensors_;
};

}  // namespace bantam
