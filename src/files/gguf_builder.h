// For tests only: GGUF files byte by byte, right ones and wrong ones.
//
//   GgufBuilder gguf;
//   gguf.String("general.architecture", "bert");
//   gguf.Tensor("token_embd.weight", {8, 4}, kGgmlF32, floats);
//   std::string bytes = gguf.Build();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "files/gguf_metadata.h"

namespace bantam::testing {

inline constexpr uint32_t kGgmlF32 = 0, kGgmlF16 = 1, kGgmlQ8_0 = 8;

template <typename T>
std::string LittleEndian(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
std::string GgufString(std::string_view text);  // its length and its bytes

class GgufBuilder {
 public:
  // A key with a value of this type, whose bytes follow.
  void Raw(std::string_view key, uint32_t type, std::string_view value);
  void String(std::string_view key, std::string_view value) { Raw(key, 8, GgufString(value)); }
  void U32(std::string_view key, uint32_t value) { Raw(key, 4, LittleEndian(value)); }
  void F32(std::string_view key, float value) { Raw(key, 6, LittleEndian(value)); }
  void Bool(std::string_view key, uint8_t value) { Raw(key, 7, LittleEndian(value)); }
  // An array of elements whose bytes follow.
  void Array(std::string_view key, uint32_t element, uint64_t count, std::string_view elements);
  void Strings(std::string_view key, const std::vector<std::string>& values);

  // `dims`: as the file has them, the innermost first. Data lies behind that of the tensor before it, aligned.
  void Tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, std::string data);
  // The description alone, with an offset of its own.
  void Described(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset);

  std::string Build() const;

  uint32_t version = 3;
  uint64_t extra_tensors = 0, extra_keys = 0;  // claimed beyond those that are there
  uint64_t alignment = 32;

 private:
  std::string keys_, descriptions_, data_;
  uint64_t num_keys_ = 0, num_tensors_ = 0;
};

// A BERT of one layer, hidden size 8, 16 words, with its tokenizer; what the mutations start from.
void AddTinyBert(GgufBuilder& gguf);
std::string TinyBertGguf();

// The same bytes with another value for a key of type u32 that is there.
std::string WithU32(std::string bytes, std::string_view key, uint32_t value);

}  // namespace bantam::testing
