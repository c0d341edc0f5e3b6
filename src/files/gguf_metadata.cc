#include "files/gguf_metadata.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/text_util.h"

namespace bantam {
namespace {

struct TypeRow {
  GgufType type;
  std::string_view name;
  size_t bytes;
};
constexpr TypeRow kTypes[] = {
    {GgufType::kU8, "u8", 1},       {GgufType::kI8, "i8", 1},     {GgufType::kU16, "u16", 2},
    {GgufType::kI16, "i16", 2},     {GgufType::kU32, "u32", 4},   {GgufType::kI32, "i32", 4},
    {GgufType::kF32, "f32", 4},     {GgufType::kBool, "bool", 1}, {GgufType::kString, "string", 0},
    {GgufType::kArray, "array", 0}, {GgufType::kU64, "u64", 8},   {GgufType::kI64, "i64", 8},
    {GgufType::kF64, "f64", 8}};

const TypeRow& Row(GgufType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  BANTAM_CHECK(false, "GGUF type {}", static_cast<uint32_t>(type));
}

template <typename T>
T Load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Nothing when the type is no integer, or beyond int64.
std::optional<int64_t> AsInt(GgufType type, const std::byte* p) {
  switch (type) {
    case GgufType::kU8:
      return Load<uint8_t>(p);
    case GgufType::kI8:
      return Load<int8_t>(p);
    case GgufType::kU16:
      return Load<uint16_t>(p);
    case GgufType::kI16:
      return Load<int16_t>(p);
    case GgufType::kU32:
      return Load<uint32_t>(p);
    case GgufType::kI32:
      return Load<int32_t>(p);
    case GgufType::kI64:
      return Load<int64_t>(p);
    case GgufType::kU64: {
      const auto value = Load<uint64_t>(p);
      return value <= INT64_MAX ? std::optional(static_cast<int64_t>(value)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> AsNumber(GgufType type, const std::byte* p) {
  if (type == GgufType::kF32) return Load<float>(p);
  if (type == GgufType::kF64) return Load<double>(p);
  const auto value = AsInt(type, p);
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

// For messages: what is there.
std::string Describe(const GgufValue& value) {
  if (value.type == GgufType::kString) {
    const std::string_view text(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    return fmt::format("\"{}\"", EscapeForTerminal(text, 60));
  }
  if (value.type == GgufType::kArray) return fmt::format("an array of {} {}", value.count, GgufTypeName(value.element));
  if (value.type == GgufType::kBool) return Load<uint8_t>(value.bytes.data()) != 0 ? "true" : "false";
  if (const auto number = AsInt(value.type, value.bytes.data())) return fmt::format("{}", *number);
  if (value.type == GgufType::kU64) return fmt::format("{}", Load<uint64_t>(value.bytes.data()));
  return fmt::format("{}", AsNumber(value.type, value.bytes.data()).value_or(0));
}

}  // namespace

std::string_view GgufTypeName(GgufType type) { return Row(type).name; }
size_t GgufTypeBytes(GgufType type) { return Row(type).bytes; }

std::optional<GgufType> GgufTypeFromId(uint32_t id) {
  for (const TypeRow& row : kTypes) {
    if (static_cast<uint32_t>(row.type) == id) return row.type;
  }
  return std::nullopt;
}

GgufMetadata GgufMetadata::Below(std::string prefix) const {
  GgufMetadata below = *this;
  below.prefix_ += prefix;
  return below;
}

const GgufValue* GgufMetadata::Find(std::string_view key) const {
  const auto found = values_->find(Full(key));
  return found == values_->end() ? nullptr : &found->second;
}

Error GgufMetadata::Wrong(std::string_view key, std::string_view what, std::source_location where) const {
  const GgufValue* value = Find(key);
  const std::string field = fmt::format("{}: '{}'", file_, EscapeForTerminal(Full(key)));
  return Error{ErrorCode::kCorrupt,
               value == nullptr ? fmt::format("{} {}", field, what)
                                : fmt::format("{} at byte {}: {}", field, value->offset, what),
               where};
}

Result<const GgufValue*> GgufMetadata::Get(std::string_view key, std::string_view expected) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return Wrong(key, fmt::format("is missing, expected {}", expected));
  return value;
}

Result<int64_t> GgufMetadata::Int(std::string_view key, int64_t minimum, int64_t maximum) const {
  const std::string expected = fmt::format("an integer from {} to {}", minimum, maximum);
  BANTAM_TRY(const GgufValue* value, Get(key, expected));
  const auto number = AsInt(value->type, value->bytes.data());
  if (!number || *number < minimum || *number > maximum) {
    return Wrong(key,
                 fmt::format("expected {} (got {} of type {})", expected, Describe(*value), GgufTypeName(value->type)));
  }
  return *number;
}

Result<double> GgufMetadata::Number(std::string_view key, double minimum, double maximum) const {
  const std::string expected = fmt::format("a number from {} to {}", minimum, maximum);
  BANTAM_TRY(const GgufValue* value, Get(key, expected));
  const auto number = AsNumber(value->type, value->bytes.data());
  // Written so that NaN is refused.
  if (!number || !(*number >= minimum && *number <= maximum)) {
    return Wrong(key,
                 fmt::format("expected {} (got {} of type {})", expected, Describe(*value), GgufTypeName(value->type)));
  }
  return *number;
}

Result<bool> GgufMetadata::Bool(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, Get(key, "a bool"));
  if (value->type != GgufType::kBool) {
    return Wrong(key, fmt::format("expected a bool (got {} of type {})", Describe(*value), GgufTypeName(value->type)));
  }
  return Load<uint8_t>(value->bytes.data()) != 0;
}

Result<std::string_view> GgufMetadata::String(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, Get(key, "a string"));
  if (value->type != GgufType::kString) {
    return Wrong(key,
                 fmt::format("expected a string (got {} of type {})", Describe(*value), GgufTypeName(value->type)));
  }
  const std::string_view text(reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size());
  if (FirstInvalidUtf8(text)) return Wrong(key, "the string is not well-formed UTF-8");
  return text;
}

Result<int64_t> GgufMetadata::IntOr(std::string_view key, int64_t other, int64_t minimum, int64_t maximum) const {
  return Has(key) ? Int(key, minimum, maximum) : other;
}
Result<double> GgufMetadata::NumberOr(std::string_view key, double other, double minimum, double maximum) const {
  return Has(key) ? Number(key, minimum, maximum) : other;
}
Result<bool> GgufMetadata::BoolOr(std::string_view key, bool other) const { return Has(key) ? Bool(key) : other; }
Result<std::string_view> GgufMetadata::StringOr(std::string_view key, std::string_view other) const {
  return Has(key) ? String(key) : other;
}

Result<const GgufValue*> GgufMetadata::GetArray(std::string_view key, std::initializer_list<GgufType> elements) const {
  std::string expected;
  for (const GgufType type : elements)
    expected += fmt::format("{}{}", expected.empty() ? "" : " or ", GgufTypeName(type));
  expected = "an array of " + expected;
  BANTAM_TRY(const GgufValue* value, Get(key, expected));
  if (value->type == GgufType::kArray) {
    for (const GgufType type : elements) {
      if (value->element == type) return value;
    }
  }
  return Wrong(key, fmt::format("expected {} (got {})", expected, Describe(*value)));
}

Result<std::vector<std::string_view>> GgufMetadata::Strings(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, GetArray(key, {GgufType::kString}));
  std::vector<std::string_view> strings;
  strings.reserve(static_cast<size_t>(value->count));
  // The lengths were checked when the file was opened.
  const std::byte* at = value->bytes.data();
  for (uint64_t i = 0; i < value->count; ++i) {
    const auto length = static_cast<size_t>(Load<uint64_t>(at));
    strings.emplace_back(reinterpret_cast<const char*>(at + sizeof(uint64_t)), length);
    at += sizeof(uint64_t) + length;
  }
  return strings;
}

Result<std::vector<float>> GgufMetadata::Floats(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, GetArray(key, {GgufType::kF32, GgufType::kI32}));
  std::vector<float> numbers(static_cast<size_t>(value->count));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::byte* at = value->bytes.data() + 4 * i;
    numbers[i] = value->element == GgufType::kF32 ? Load<float>(at) : static_cast<float>(Load<int32_t>(at));
    if (!std::isfinite(numbers[i])) return Wrong(key, fmt::format("element {} is {}", i, numbers[i]));
  }
  return numbers;
}

Result<std::vector<int32_t>> GgufMetadata::Ints(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, GetArray(key, {GgufType::kI32, GgufType::kU32}));
  std::vector<int32_t> numbers(static_cast<size_t>(value->count));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::byte* at = value->bytes.data() + 4 * i;
    if (value->element == GgufType::kU32 && Load<uint32_t>(at) > INT32_MAX) {
      return Wrong(key, fmt::format("element {} is {}, the limit is {}", i, Load<uint32_t>(at), INT32_MAX));
    }
    numbers[i] = Load<int32_t>(at);
  }
  return numbers;
}

Result<std::span<const std::byte>> GgufMetadata::Bytes(std::string_view key) const {
  BANTAM_TRY(const GgufValue* value, GetArray(key, {GgufType::kU8, GgufType::kI8}));
  return value->bytes;
}

Result<std::vector<int64_t>> GgufMetadata::IntPerLayer(std::string_view key, int64_t layers, int64_t minimum,
                                                       int64_t maximum) const {
  const GgufValue* value = Find(key);
  if (value == nullptr || value->type != GgufType::kArray) {
    BANTAM_TRY(const int64_t one, Int(key, minimum, maximum));
    return std::vector<int64_t>(static_cast<size_t>(layers), one);
  }
  if (static_cast<int64_t>(value->count) != layers) {
    return Wrong(key, fmt::format("has {} elements, there are {} layers", value->count, layers));
  }
  std::vector<int64_t> numbers;
  const size_t size = GgufTypeBytes(value->element);
  for (size_t i = 0; i < static_cast<size_t>(layers); ++i) {
    const auto number = size == 0 ? std::nullopt : AsInt(value->element, value->bytes.data() + size * i);
    if (!number || *number < minimum || *number > maximum) {
      return Wrong(key, fmt::format("element {} must be an integer from {} to {}", i, minimum, maximum));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace bantam
