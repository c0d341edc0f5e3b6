// One pass over the header. Offsets are compared with what is left of the file before they are used; the memory that is
// allocated is in proportion to the bytes that were read.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "base/log.h"
#include "base/text_util.h"
#include "files/foreign_format.h"
#include "files/gguf.h"
#include "files/gguf_types.h"
#include "files/json_cursor.h"

namespace bantam {
namespace {

using Limits = GgufLimits;

constexpr std::string_view kMagic = "GGUF";
constexpr uint64_t kFixedBytes = 24;  // magic, version, counts
// The least that a key with its value, and the description of a tensor, can take.
constexpr uint64_t kLeastKeyBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
constexpr uint64_t kDefaultAlignment = 32;

std::string KnownTensorTypes() {
  std::string known;
  for (const GgufTensorType& row : GgufTensorTypes()) {
    if (row.dtype) known += fmt::format("{}{}", known.empty() ? "" : " ", row.name);
  }
  return known;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  Result<GgufHeader> Parse() {
    BANTAM_RETURN_IF_ERROR(ReadFixed());
    auto values = std::make_shared<GgufMetadata::Map>();
    for (uint64_t i = 0; i < num_keys_; ++i) BANTAM_RETURN_IF_ERROR(ReadKey(i, *values));
    BANTAM_RETURN_IF_ERROR(ReadAlignment(*values));
    for (uint64_t i = 0; i < num_tensors_; ++i) BANTAM_RETURN_IF_ERROR(ReadTensor(i));
    BANTAM_RETURN_IF_ERROR(PlaceTensors());
    header_.metadata = std::move(values);
    return std::move(header_);
  }

 private:
  Error Wrong(std::string_view field, uint64_t offset, std::string_view why) const {
    return FileError(file_, field, offset, why);
  }
  uint64_t left() const { return bytes_.size() - at_; }

  template <typename T>
  Result<T> Take(std::string_view field) {
    if (left() < sizeof(T)) {
      return Wrong(field, at_,
                   fmt::format("the file ends here: is it cut short? (got {} bytes, needs {})", left(), sizeof(T)));
    }
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  Result<std::string_view> TakeString(std::string_view field, uint64_t limit) {
    const uint64_t offset = at_;
    BANTAM_TRY(const uint64_t length, Take<uint64_t>(field));
    if (length > left()) {
      return Wrong(field, offset,
                   fmt::format("the length is beyond the end of the file (got {}, limit {})", length, left()));
    }
    if (length > limit) return Wrong(field, offset, fmt::format("too long (got {} bytes, limit {})", length, limit));
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + at_), static_cast<size_t>(length));
    at_ += length;
    return text;
  }

  Status ReadFixed() {
    const std::string_view start(reinterpret_cast<const char*>(bytes_.data()), std::min<size_t>(bytes_.size(), 4));
    if (start != kMagic.substr(0, start.size())) {
      if (const auto what = ForeignFormat(bytes_)) return Err(ErrorCode::kUnsupported, "{}: {}", file_, *what);
      return Wrong("magic", 0,
                   fmt::format("this is not a GGUF file (got \"{}\", expected \"GGUF\")", EscapeForTerminal(start)));
    }
    if (bytes_.size() < kFixedBytes) {
      return Wrong("header", 0,
                   fmt::format("the file is cut short (got {} bytes, needs {})", bytes_.size(), kFixedBytes));
    }
    at_ = kMagic.size();
    BANTAM_TRY(header_.version, Take<uint32_t>("version"));
    const uint32_t version = header_.version;
    if (version != 0 && (version & 0xFFFF) == 0) {
      return Err(ErrorCode::kUnsupported,
                 "{}: version at byte 4: this is a big-endian file, which is not read here: convert it on the machine "
                 "that wrote it (got 0x{:08x})",
                 file_, version);
    }
    if (version < 2 || version > 3) {
      return Err(ErrorCode::kUnsupported,
                 "{}: version at byte 4: not a version that is read here{} (got {}, known 2 and 3)", file_,
                 version == 1 ? ": convert the original model again" : "", version);
    }
    BANTAM_TRY(num_tensors_, Take<uint64_t>("tensor count"));
    BANTAM_TRY(num_keys_, Take<uint64_t>("metadata count"));
    BANTAM_RETURN_IF_ERROR(CheckCount("tensor count", 8, num_tensors_, Limits::kTensors, kLeastTensorBytes));
    return CheckCount("metadata count", 16, num_keys_, Limits::kKeys, kLeastKeyBytes);
  }

  Status CheckCount(std::string_view field, uint64_t offset, uint64_t count, uint64_t limit,
                    uint64_t least_bytes) const {
    const uint64_t fit = left() / least_bytes;
    if (count <= std::min(limit, fit)) return Ok();
    return Wrong(field, offset,
                 count > limit ? fmt::format("too many (got {}, limit {})", count, limit)
                               : fmt::format("the file is too short for so many (got {}, room for {})", count, fit));
  }

  Status ReadKey(uint64_t index, GgufMetadata::Map& values) {
    const uint64_t offset = at_;
    const std::string place = fmt::format("key {}", index);
    BANTAM_TRY(const std::string_view key, TakeString(place, Limits::kKeyBytes));
    if (key.empty()) return Wrong(place, offset, "the key is empty");
    if (FirstInvalidUtf8(key)) return Wrong(place, offset, "the key is not well-formed UTF-8");
    if (HasControlCharacter(key)) {
      return Wrong(place, offset, fmt::format("the key holds control characters (got '{}')", EscapeForTerminal(key)));
    }
    const std::string field = fmt::format("'{}'", EscapeForTerminal(key));
    GgufValue value;
    BANTAM_TRY(value, ReadValue(field));
    value.offset = offset;
    if (!values.emplace(key, value).second) return Wrong(field, offset, "a duplicate key");
    return Ok();
  }

  Result<GgufType> TakeType(std::string_view field) {
    const uint64_t offset = at_;
    BANTAM_TRY(const uint32_t id, Take<uint32_t>(field));
    const auto type = GgufTypeFromId(id);
    if (!type) return Wrong(field, offset, fmt::format("an unknown type of value (got {}, known 0 to 12)", id));
    return *type;
  }

  Result<GgufValue> ReadValue(std::string_view field) {
    GgufValue value;
    BANTAM_TRY(value.type, TakeType(field));
    uint64_t begin = at_;
    if (value.type == GgufType::kString) {
      begin += sizeof(uint64_t);
      BANTAM_TRY([[maybe_unused]] const std::string_view text, TakeString(field, Limits::kStringBytes));
    } else if (value.type == GgufType::kArray) {
      begin += sizeof(uint32_t) + sizeof(uint64_t);
      BANTAM_TRY(const ArrayHead head, SkipArray(field, 1));
      value.element = head.element;
      value.count = head.count;
    } else {
      BANTAM_RETURN_IF_ERROR(SkipNumbers(field, value.type, 1));
    }
    value.bytes = bytes_.subspan(static_cast<size_t>(begin), static_cast<size_t>(at_ - begin));
    return value;
  }

  struct ArrayHead {
    GgufType element = GgufType::kU8;
    uint64_t count = 0;
  };
  Result<ArrayHead> SkipArray(std::string_view field, int depth) {
    const uint64_t offset = at_;
    if (depth > Limits::kArrayDepth) {
      return Wrong(field, offset, fmt::format("arrays are nested too deep (limit {})", Limits::kArrayDepth));
    }
    ArrayHead head;
    BANTAM_TRY(head.element, TakeType(field));
    BANTAM_TRY(head.count, Take<uint64_t>(field));
    const uint64_t size = GgufTypeBytes(head.element);
    const uint64_t least = size > 0 ? size : head.element == GgufType::kString ? 8 : 12;
    if (head.count > Limits::kArrayElements || head.count > left() / least) {
      return Wrong(field, offset,
                   fmt::format("the array has more elements than {} (got {}, limit {})",
                               head.count > left() / least ? "the file has room for" : "are read here", head.count,
                               std::min(Limits::kArrayElements, left() / least)));
    }
    if (size > 0) {
      BANTAM_RETURN_IF_ERROR(SkipNumbers(field, head.element, head.count));
      return head;
    }
    for (uint64_t i = 0; i < head.count; ++i) {
      if (head.element == GgufType::kString) {
        BANTAM_TRY([[maybe_unused]] const std::string_view text, TakeString(field, Limits::kStringBytes));
      } else {
        BANTAM_TRY([[maybe_unused]] const ArrayHead inner, SkipArray(field, depth + 1));
      }
    }
    return head;
  }

  // Their bytes are there: checked by the caller for arrays.
  Status SkipNumbers(std::string_view field, GgufType type, uint64_t count) {
    const uint64_t size = GgufTypeBytes(type) * count;
    if (size > left()) {
      return Wrong(field, at_,
                   fmt::format("the file ends here: is it cut short? (got {} bytes, needs {})", left(), size));
    }
    if (type == GgufType::kBool) {
      for (uint64_t i = 0; i < count; ++i) {
        const auto byte = std::to_integer<unsigned>(bytes_[static_cast<size_t>(at_ + i)]);
        if (byte > 1) return Wrong(field, at_ + i, fmt::format("not a bool (got {}, expected 0 or 1)", byte));
      }
    }
    at_ += size;
    return Ok();
  }

  Status ReadAlignment(const GgufMetadata::Map& values) {
    header_.alignment = kDefaultAlignment;
    const auto found = values.find("general.alignment");
    if (found == values.end()) return Ok();
    const GgufValue& value = found->second;
    if (value.type != GgufType::kU32) {
      return Wrong("'general.alignment'", value.offset,
                   fmt::format("expected the type u32 (got {})", GgufTypeName(value.type)));
    }
    uint32_t alignment;
    std::memcpy(&alignment, value.bytes.data(), sizeof alignment);
    if (!std::has_single_bit(alignment) || alignment < Limits::kLeastAlignment || alignment > Limits::kMostAlignment) {
      return Wrong("'general.alignment'", value.offset,
                   fmt::format("expected a power of two from {} to {} (got {})", Limits::kLeastAlignment,
                               Limits::kMostAlignment, alignment));
    }
    header_.alignment = alignment;
    return Ok();
  }

  Status ReadTensor(uint64_t index) {
    GgufTensorEntry entry;
    entry.header_offset = at_;
    const std::string place = fmt::format("tensor {}", index);
    BANTAM_TRY(const std::string_view name, TakeString(place + " name", Limits::kNameBytes));
    const std::string field = fmt::format("tensor '{}'", EscapeForTerminal(name));
    if (name.empty() || FirstInvalidUtf8(name) || HasControlCharacter(name) ||
        name.find("../") != std::string_view::npos) {
      return Wrong(field, entry.header_offset,
                   "a name must be UTF-8, and neither be empty nor hold control characters or \"../\"");
    }
    entry.name = name;
    BANTAM_RETURN_IF_ERROR(ReadShape(field, entry));
    BANTAM_RETURN_IF_ERROR(ReadTensorType(field, entry));
    const uint64_t offset = at_;
    BANTAM_TRY(entry.begin, Take<uint64_t>(field + " offset"));
    if (entry.begin % header_.alignment != 0) {
      return Wrong(
          field + " offset", offset,
          fmt::format("not a multiple of the alignment (got {}, alignment {})", entry.begin, header_.alignment));
    }
    BANTAM_RETURN_IF_ERROR(SizeOf(field, entry));
    header_.tensors.push_back(std::move(entry));
    return Ok();
  }

  Status ReadShape(const std::string& field, GgufTensorEntry& entry) {
    const uint64_t offset = at_;
    BANTAM_TRY(const uint32_t dimensions, Take<uint32_t>(field + " n_dims"));
    if (dimensions < 1 || dimensions > Limits::kDimensions) {
      return Wrong(field + " n_dims", offset,
                   fmt::format("expected 1 to {} dimensions (got {})", Limits::kDimensions, dimensions));
    }
    for (uint32_t i = 0; i < dimensions; ++i) {
      const std::string place = fmt::format("{} dims[{}]", field, i);
      const uint64_t at = at_;
      BANTAM_TRY(const uint64_t size, Take<uint64_t>(place));
      if (size == 0 || size > INT64_MAX) {
        return Wrong(place, at, fmt::format("expected a size from 1 to {} (got {})", INT64_MAX, size));
      }
      entry.shape.insert(entry.shape.begin(), static_cast<int64_t>(size));
    }
    return Ok();
  }

  Status ReadTensorType(const std::string& field, GgufTensorEntry& entry) {
    const uint64_t offset = at_;
    BANTAM_TRY(const uint32_t id, Take<uint32_t>(field + " type"));
    for (const GgufTensorType& row : GgufTensorTypes()) {
      if (row.id != id) continue;
      if (row.dtype) {
        entry.dtype = *row.dtype;
        return Ok();
      }
      return Err(ErrorCode::kUnsupported,
                 "{}: {} type at byte {}: {} is not read here: take a file of another quantisation (known {})", file_,
                 field, offset, row.name, KnownTensorTypes());
    }
    return Wrong(field + " type", offset, fmt::format("an unknown type (got {}, known {})", id, KnownTensorTypes()));
  }

  // Sets `end` as if the data began at byte 0.
  Status SizeOf(const std::string& field, GgufTensorEntry& entry) const {
    const BlockLayout block = BlockOf(entry.dtype);
    const auto row = static_cast<uint64_t>(entry.shape.back());
    if (row % block.elements != 0) {
      return Wrong(field, entry.header_offset,
                   fmt::format("rows of {} need a multiple of {} elements (got {})", DTypeName(entry.dtype),
                               block.elements, row));
    }
    std::optional<uint64_t> size = CheckedMul(row / block.elements, block.bytes);
    std::optional<uint64_t> elements = row;
    for (size_t i = 0; i + 1 < entry.shape.size(); ++i) {
      const auto dimension = static_cast<uint64_t>(entry.shape[i]);
      if (size) size = CheckedMul(*size, dimension);
      if (elements) elements = CheckedMul(*elements, dimension);
    }
    if (!size || !elements || *elements > INT64_MAX) {
      return Wrong(field, entry.header_offset, fmt::format("the shape {} overflows 64 bits", ShapeString(entry.shape)));
    }
    const std::optional<uint64_t> end = CheckedAdd(entry.begin, *size);
    if (!end) {
      return Wrong(field, entry.header_offset,
                   fmt::format("{} bytes at offset {} overflow 64 bits", *size, entry.begin));
    }
    entry.end = *end;
    return Ok();
  }

  // The data begins at the next multiple of the alignment after the header. Tensors may come in any order and leave
  // holes, but not lie upon each other, which would make a small file look huge.
  Status PlaceTensors() {
    const uint64_t mask = header_.alignment - 1;
    const uint64_t data = (at_ + mask) & ~mask;  // at_ is at most the file's size: no overflow
    const uint64_t data_bytes = data <= bytes_.size() ? bytes_.size() - data : 0;
    std::vector<const GgufTensorEntry*> order;
    for (const GgufTensorEntry& entry : header_.tensors) {
      if (entry.end > data_bytes) {
        return Wrong(
            fmt::format("tensor '{}' offset", EscapeForTerminal(entry.name)), entry.header_offset,
            fmt::format("the tensor ends beyond the file: is it cut short? (got {}, limit {})", entry.end, data_bytes));
      }
      order.push_back(&entry);
    }
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return std::pair(a->begin, a->header_offset) < std::pair(b->begin, b->header_offset);
    });
    uint64_t hole_bytes = 0;
    for (size_t i = 1; i < order.size(); ++i) {
      const GgufTensorEntry &before = *order[i - 1], &entry = *order[i];
      if (entry.begin < before.end) {
        return Wrong(fmt::format("tensor '{}' offset", EscapeForTerminal(entry.name)), entry.header_offset,
                     fmt::format("overlaps tensor '{}' (got {}, expected at least {})", EscapeForTerminal(before.name),
                                 entry.begin, before.end));
      }
      if (entry.begin - before.end >= header_.alignment) hole_bytes += entry.begin - before.end;
    }
    if (hole_bytes > 0) Log(LogLevel::kWarning, "{}: {} bytes between the tensors belong to none", file_, hole_bytes);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i]->name != order[i - 1]->name) continue;
      return Wrong(fmt::format("tensor '{}'", EscapeForTerminal(order[i]->name)),
                   std::max(order[i]->header_offset, order[i - 1]->header_offset), "a duplicate name");
    }
    for (GgufTensorEntry& entry : header_.tensors) entry.begin += data, entry.end += data;
    return Ok();
  }

  std::span<const std::byte> bytes_;
  std::string_view file_;
  uint64_t at_ = 0;
  uint64_t num_tensors_ = 0, num_keys_ = 0;
  GgufHeader header_;
};

}  // namespace

Result<GgufHeader> ParseGguf(std::span<const std::byte> bytes, std::string_view name) {
  return Parser(bytes, name).Parse();
}

}  // namespace bantam
