#include "files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/text_util.h"
#include "files/foreign_format.h"
#include "files/json_cursor.h"

namespace bantam {
namespace {

using Limits = SafetensorsLimits;

constexpr uint64_t kPrefixBytes = 8;

// Reads one header. Offsets are kept relative to the data section until the end, as the format writes them.
class HeaderReader {
 public:
  HeaderReader(std::string_view header, uint64_t data_bytes, std::string_view file)
      : cursor_(header, kPrefixBytes, file), file_(file), data_bytes_(data_bytes) {}

  Result<SafetensorsHeader> Read() {
    if (!cursor_.rest().starts_with('{')) return cursor_.Wrong("header", "it must begin with '{'");
    BANTAM_RETURN_IF_ERROR(
        cursor_.Object("header", Limits::kNameBytes, [&](std::string key, uint64_t offset) -> Status {
          return key == "__metadata__" ? Metadata(offset) : Tensor(std::move(key), offset);
        }));
    const size_t padding_end = cursor_.rest().find_first_not_of(' ');
    if (padding_end != std::string_view::npos) {
      return FileError(file_, "header", cursor_.offset() + padding_end, "only spaces may follow the closing '}'");
    }
    BANTAM_RETURN_IF_ERROR(CheckTiling());
    BANTAM_RETURN_IF_ERROR(CheckNames());
    return std::move(header_);
  }

 private:
  Status Metadata(uint64_t offset) {
    if (std::exchange(has_metadata_, true)) return FileError(file_, "__metadata__", offset, "a duplicate key");
    size_t size_bytes = 0;
    return cursor_.Object("__metadata__", Limits::kMetadataBytes, [&](std::string key, uint64_t key_offset) -> Status {
      BANTAM_TRY(std::string value, cursor_.String("__metadata__", Limits::kMetadataBytes));
      size_bytes += key.size() + value.size();
      if (size_bytes > Limits::kMetadataBytes || header_.metadata.size() == Limits::kMetadataEntries) {
        return FileError(file_, "__metadata__", key_offset,
                         fmt::format("too much metadata (limit {} entries, {} bytes)", Limits::kMetadataEntries,
                                     Limits::kMetadataBytes));
      }
      if (!header_.metadata.emplace(std::move(key), std::move(value)).second) {
        return FileError(file_, "__metadata__", key_offset, "a duplicate key");
      }
      return Ok();
    });
  }

  Status Tensor(std::string name, uint64_t offset) {
    const std::string field = fmt::format("tensor '{}'", EscapeForTerminal(name));
    if (header_.tensors.size() == Limits::kTensors) {
      return FileError(file_, field, offset, fmt::format("too many tensors (limit {})", Limits::kTensors));
    }
    if (name.empty() || std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20; })) {
      return FileError(file_, field, offset, "a name must not be empty or hold control characters");
    }
    SafetensorsEntry entry;
    entry.name = std::move(name);
    entry.header_offset = offset;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    BANTAM_RETURN_IF_ERROR(
        cursor_.Object(field, Limits::kNameBytes, [&](std::string key, uint64_t key_offset) -> Status {
          bool* seen = key == "dtype"          ? &has_dtype
                       : key == "shape"        ? &has_shape
                       : key == "data_offsets" ? &has_offsets
                                               : nullptr;
          if (seen == nullptr) {
            return FileError(file_, field, key_offset, fmt::format("an unknown key \"{}\"", EscapeForTerminal(key)));
          }
          if (std::exchange(*seen, true))
            return FileError(file_, field, key_offset, fmt::format("a duplicate key \"{}\"", key));
          return key == "dtype"   ? ReadDType(field, entry)
                 : key == "shape" ? ReadShape(field, entry)
                                  : ReadOffsets(field, entry);
        }));
    if (!has_dtype || !has_shape || !has_offsets) {
      return FileError(file_, field, offset,
                       fmt::format("\"{}\" is missing", !has_dtype   ? "dtype"
                                                        : !has_shape ? "shape"
                                                                     : "data_offsets"));
    }
    BANTAM_RETURN_IF_ERROR(CheckSize(field, entry));
    header_.tensors.push_back(std::move(entry));
    return Ok();
  }

  Status ReadDType(const std::string& field, SafetensorsEntry& entry) {
    const std::string place = field + " dtype";
    const uint64_t offset = cursor_.offset();
    BANTAM_TRY(const std::string name, cursor_.String(place, Limits::kNameBytes));
    const auto dtype = DTypeFromName(name);
    if (!dtype) {
      return FileError(
          file_, place, offset,
          fmt::format("not an element type that is read here (got {}, known F32 F16 BF16 F64 I8 I16 I32 I64 U8 "
                      "U16 U32 U64 BOOL)",
                      EscapeForTerminal(name)));
    }
    entry.dtype = *dtype;
    return Ok();
  }

  Status ReadShape(const std::string& field, SafetensorsEntry& entry) {
    return cursor_.Array(field + " shape", [&]() -> Status {
      const std::string place = fmt::format("{} shape[{}]", field, entry.shape.size());
      const uint64_t offset = cursor_.offset();
      if (entry.shape.size() == Limits::kDimensions) {
        return FileError(file_, place, offset, fmt::format("too many dimensions (limit {})", Limits::kDimensions));
      }
      BANTAM_TRY(const uint64_t size, cursor_.Unsigned(place));
      if (size > INT64_MAX) {
        return FileError(file_, place, offset,
                         fmt::format("the size is too large (got {}, limit {})", size, INT64_MAX));
      }
      entry.shape.push_back(static_cast<int64_t>(size));
      return Ok();
    });
  }

  Status ReadOffsets(const std::string& field, SafetensorsEntry& entry) {
    const std::string place = field + " data_offsets";
    const uint64_t offset = cursor_.offset();
    int count = 0;
    BANTAM_RETURN_IF_ERROR(cursor_.Array(place, [&]() -> Status {
      BANTAM_TRY(const uint64_t value, cursor_.Unsigned(place));
      if (count == 2) return FileError(file_, place, offset, "expected [begin, end] (got more than two numbers)");
      (count++ == 0 ? entry.begin : entry.end) = value;
      return Ok();
    }));
    if (count != 2)
      return FileError(file_, place, offset, fmt::format("expected [begin, end] (got {} numbers)", count));
    if (entry.begin > entry.end) {
      return FileError(file_, place, offset,
                       fmt::format("the end lies before the begin (got [{}, {}])", entry.begin, entry.end));
    }
    if (entry.end > data_bytes_) {
      return FileError(file_, place, offset,
                       fmt::format("the tensor ends beyond the file (got {}, limit {}): is the file cut short?",
                                   entry.end, data_bytes_));
    }
    return Ok();
  }

  Status CheckSize(const std::string& field, const SafetensorsEntry& entry) {
    std::optional<uint64_t> size = DTypeBytes(entry.dtype);
    for (const int64_t dimension : entry.shape) {
      if (size) size = CheckedMul(*size, static_cast<uint64_t>(dimension));
    }
    if (!size) {
      return FileError(file_, field, entry.header_offset,
                       fmt::format("the shape {} overflows 64 bits", ShapeString(entry.shape)));
    }
    if (*size != entry.end - entry.begin) {
      return FileError(file_, field, entry.header_offset,
                       fmt::format("{} {} needs {} bytes (got {} by data_offsets)", DTypeName(entry.dtype),
                                   ShapeString(entry.shape), *size, entry.end - entry.begin));
    }
    return Ok();
  }

  // Bytes that no tensor covers could hide a second file; overlapping tensors could make a small file look huge.
  Status CheckTiling() {
    std::vector<const SafetensorsEntry*> by_offset;
    for (const SafetensorsEntry& entry : header_.tensors) by_offset.push_back(&entry);
    std::sort(by_offset.begin(), by_offset.end(),
              [](const auto* a, const auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
    uint64_t covered = 0;
    for (const SafetensorsEntry* entry : by_offset) {
      if (entry->begin == covered) {
        covered = entry->end;
        continue;
      }
      return FileError(file_, fmt::format("tensor '{}' data_offsets", EscapeForTerminal(entry->name)),
                       entry->header_offset,
                       fmt::format("the bytes {} the tensor before it (got begin {}, expected {})",
                                   entry->begin < covered ? "overlap" : "leave a hole after", entry->begin, covered));
    }
    if (covered != data_bytes_) {
      return FileError(
          file_, "data", cursor_.offset(),
          fmt::format("the tensors end before the file does (got {} bytes behind them)", data_bytes_ - covered));
    }
    return Ok();
  }

  Status CheckNames() {
    std::sort(header_.tensors.begin(), header_.tensors.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
      return std::pair<std::string_view, uint64_t>(a.name, a.header_offset) <
             std::pair<std::string_view, uint64_t>(b.name, b.header_offset);
    });
    for (size_t i = 1; i < header_.tensors.size(); ++i) {
      const SafetensorsEntry& entry = header_.tensors[i];
      if (entry.name != header_.tensors[i - 1].name) continue;
      return FileError(file_, fmt::format("tensor '{}'", EscapeForTerminal(entry.name)), entry.header_offset,
                       "a duplicate key");
    }
    return Ok();
  }

  JsonCursor cursor_;
  std::string_view file_;
  uint64_t data_bytes_;
  bool has_metadata_ = false;
  SafetensorsHeader header_;
};

Result<SafetensorsHeader> Parse(std::span<const std::byte> bytes, std::string_view name) {
  if (bytes.size() < kPrefixBytes) {
    return FileError(name, "header length", 0,
                     fmt::format("the file is cut short (got {} bytes, needs 8)", bytes.size()));
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kPrefixBytes);
  if (header_bytes > Limits::kHeaderBytes) {
    return FileError(name, "header length", 0,
                     fmt::format("too large (got {}, limit {})", header_bytes, Limits::kHeaderBytes));
  }
  if (!RangeFits(kPrefixBytes, header_bytes, bytes.size())) {
    return FileError(name, "header length", 0,
                     fmt::format("the file is cut short (got {} bytes, the header alone needs {})", bytes.size(),
                                 kPrefixBytes + header_bytes));
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kPrefixBytes, header_bytes);
  BANTAM_TRY(SafetensorsHeader result, HeaderReader(header, bytes.size() - kPrefixBytes - header_bytes, name).Read());
  for (SafetensorsEntry& entry : result.tensors) {
    entry.begin += kPrefixBytes + header_bytes;
    entry.end += kPrefixBytes + header_bytes;
  }
  return result;
}

}  // namespace

Result<SafetensorsHeader> ParseSafetensors(std::span<const std::byte> bytes, std::string_view name) {
  auto header = Parse(bytes, name);
  if (header) return header;
  // Another kind of file fails on its first bytes; then what it is helps more than which rule it broke.
  if (const auto what = ForeignFormat(bytes)) {
    return Err(ErrorCode::kUnsupported, "{}: {}", name, *what);
  }
  return header;
}

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const Path& path) {
  BANTAM_TRY(MappedFile mapped, MappedFile::Open(path));
  BANTAM_TRY(SafetensorsHeader header, ParseSafetensors(mapped.bytes(), EscapeForTerminal(path.string(), 400)));
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile(std::move(mapped)));
  for (SafetensorsEntry& entry : header.tensors) {
    const auto bytes = file->bytes().subspan(entry.begin, entry.end - entry.begin);
    file->tensors_.emplace_hint(file->tensors_.end(), std::move(entry.name),
                                TensorView{entry.dtype, std::move(entry.shape), bytes});
  }
  file->metadata_ = std::move(header.metadata);
  return file;
}

const TensorView* SafetensorsFile::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::string SerializeSafetensors(const std::map<std::string, TensorView>& tensors,
                                 const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  const auto add = [&](std::string_view key, const std::string& value) {
    if (header.size() > 1) header += ',';
    header += QuoteJson(key) + ":" + value;
  };
  if (!metadata.empty()) {
    json::object object;
    for (const auto& [key, value] : metadata) object[key] = value;
    add("__metadata__", ToJson(object));
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const uint64_t end = offset + tensor.bytes.size();
    BANTAM_CHECK(tensor.bytes.size() == static_cast<size_t>(NumElements(tensor.shape)) * DTypeBytes(tensor.dtype),
                 "tensor '{}' {} has {} bytes", name, ShapeString(tensor.shape), tensor.bytes.size());
    add(name, fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", DTypeName(tensor.dtype),
                          ShapeString(tensor.shape), offset, end));
    offset = end;
  }
  header += '}';
  header.resize((kPrefixBytes + header.size() + 63) / 64 * 64 - kPrefixBytes, ' ');
  const uint64_t header_bytes = header.size();
  std::string out(reinterpret_cast<const char*>(&header_bytes), kPrefixBytes);
  out.reserve(kPrefixBytes + header.size() + offset);
  out += header;
  for (const auto& [name, tensor] : tensors) {
    out.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  return out;
}

}  // namespace bantam
