// The metadata of a GGUF file: keys with typed values, checked when the file was opened and read where they lie.
//
//   const GgufMetadata& metadata = file->metadata();
//   BANTAM_TRY(const std::string_view architecture, metadata.String("general.architecture"));
//   const GgufMetadata keys = metadata.Below("qwen3.");            // keys of one architecture
//   BANTAM_TRY(const int64_t layers, keys.Int("block_count", 1, 1024));
//   BANTAM_TRY(const auto heads, keys.IntPerLayer("attention.head_count_kv", layers, 1, 4096));
//
// Errors name the file, the key, its byte and what was expected. A view: refers to the file it came from; cheap to
// copy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam {

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

std::string_view GgufTypeName(GgufType type);         // "u32", "string", "array"
std::optional<GgufType> GgufTypeFromId(uint32_t id);  // nothing for an id that the format does not have
size_t GgufTypeBytes(GgufType type);                  // 0 for strings and arrays

// A value as it lies in the file.
struct GgufValue {
  GgufType type = GgufType::kU8;
  uint64_t offset = 0;  // of the key, for errors
  // Of an array: the type of its elements (kArray for arrays of arrays) and how many there are.
  GgufType element = GgufType::kU8;
  uint64_t count = 0;
  // A number's bytes, a string's text, an array's elements.
  std::span<const std::byte> bytes;
};

class GgufMetadata {
 public:
  using Map = std::map<std::string, GgufValue, std::less<>>;

  GgufMetadata() = default;
  GgufMetadata(std::shared_ptr<const Map> values, std::string file)
      : values_(std::move(values)), file_(std::move(file)) {}

  // The same values, asked for without their common beginning.
  GgufMetadata Below(std::string prefix) const;

  const GgufValue* Find(std::string_view key) const;  // null when absent
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  const Map& all() const { return *values_; }

  // Any integer type; any float type, or an integer.
  Result<int64_t> Int(std::string_view key, int64_t minimum, int64_t maximum) const;
  Result<double> Number(std::string_view key, double minimum, double maximum) const;
  Result<bool> Bool(std::string_view key) const;
  Result<std::string_view> String(std::string_view key) const;  // well-formed UTF-8
  // The same with a default for an absent key.
  Result<int64_t> IntOr(std::string_view key, int64_t other, int64_t minimum, int64_t maximum) const;
  Result<double> NumberOr(std::string_view key, double other, double minimum, double maximum) const;
  Result<bool> BoolOr(std::string_view key, bool other) const;
  Result<std::string_view> StringOr(std::string_view key, std::string_view other) const;

  // Arrays. Strings may hold any bytes; floats must be finite.
  Result<std::vector<std::string_view>> Strings(std::string_view key) const;
  Result<std::vector<float>> Floats(std::string_view key) const;         // of f32, or i32
  Result<std::vector<int32_t>> Ints(std::string_view key) const;         // of i32, or u32 that fit
  Result<std::span<const std::byte>> Bytes(std::string_view key) const;  // of u8 or i8
  // One value for every layer: an array of that length, or a number that counts for all.
  Result<std::vector<int64_t>> IntPerLayer(std::string_view key, int64_t layers, int64_t minimum,
                                           int64_t maximum) const;

  // "FILE: 'bert.block_count' at byte 120: what"; without the byte for an absent key.
  Error Wrong(std::string_view key, std::string_view what,
              std::source_location where = std::source_location::current()) const;
  const std::string& file() const { return file_; }

 private:
  Result<const GgufValue*> Get(std::string_view key, std::string_view expected) const;
  Result<const GgufValue*> GetArray(std::string_view key, std::initializer_list<GgufType> elements) const;
  std::string Full(std::string_view key) const { return prefix_ + std::string(key); }

  std::shared_ptr<const Map> values_ = std::make_shared<Map>();
  std::string file_;  // for errors; safe to print
  std::string prefix_;
};

}  // namespace bantam
