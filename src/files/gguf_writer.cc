#include "files/gguf_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "base/check.h"
#include "files/gguf_types.h"

namespace bantam {
namespace {

constexpr uint64_t kAlignment = 32;
constexpr std::string_view kFirstKey = "general.architecture";

template <typename T>
std::string LittleEndian(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string Lengthened(std::string_view text) { return LittleEndian(uint64_t{text.size()}) + std::string(text); }

std::string ArrayHead(GgufType element, uint64_t count) {
  return LittleEndian(static_cast<uint32_t>(element)) + LittleEndian(count);
}

uint64_t Aligned(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

// A file under way, removed unless it was renamed.
class PartialFile {
 public:
  explicit PartialFile(Path path) : path_(std::move(path)) {}
  ~PartialFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  const Path& path() const { return path_; }
  Status MoveTo(const Path& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return ErrnoError("rename to", path, errno);
    path_.clear();
    const Path parent = path.has_parent_path() ? path.parent_path() : Path(".");
    const UniqueFd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.valid() && ::fsync(folder.get()) != 0) return ErrnoError("sync the folder", parent, errno);
    return Ok();
  }

 private:
  Path path_;
};

}  // namespace

uint64_t GgufWriter::Described::bytes() const {
  const BlockLayout layout = BlockOf(dtype);
  return static_cast<uint64_t>(NumElements(shape)) / layout.elements * layout.bytes;
}

void GgufWriter::Put(std::string_view key, GgufType type, std::string bytes) {
  keys_.insert_or_assign(std::string(key), Value{type, std::move(bytes)});
}

void GgufWriter::String(std::string_view key, std::string_view value) {
  Put(key, GgufType::kString, Lengthened(value));
}
void GgufWriter::U32(std::string_view key, uint32_t value) { Put(key, GgufType::kU32, LittleEndian(value)); }
void GgufWriter::F32(std::string_view key, float value) { Put(key, GgufType::kF32, LittleEndian(value)); }
void GgufWriter::Bool(std::string_view key, bool value) {
  Put(key, GgufType::kBool, LittleEndian(static_cast<uint8_t>(value)));
}

void GgufWriter::Strings(std::string_view key, std::span<const std::string> values) {
  std::string bytes = ArrayHead(GgufType::kString, values.size());
  for (const std::string& value : values) bytes += Lengthened(value);
  Put(key, GgufType::kArray, std::move(bytes));
}

void GgufWriter::Floats(std::string_view key, std::span<const float> values) {
  std::string bytes = ArrayHead(GgufType::kF32, values.size());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  Put(key, GgufType::kArray, std::move(bytes));
}

void GgufWriter::Ints(std::string_view key, std::span<const int32_t> values) {
  std::string bytes = ArrayHead(GgufType::kI32, values.size());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  Put(key, GgufType::kArray, std::move(bytes));
}

void GgufWriter::CopyKeys(const GgufMetadata& metadata) {
  for (const auto& [key, value] : metadata.all()) {
    if (key.starts_with("split.") || key == "general.alignment") continue;
    std::string bytes(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    if (value.type == GgufType::kString) bytes = Lengthened(bytes);
    if (value.type == GgufType::kArray) bytes = ArrayHead(value.element, value.count) + bytes;
    Put(key, value.type, std::move(bytes));
  }
}

void GgufWriter::Tensor(std::string_view name, DType dtype, const Shape& shape) {
  BANTAM_CHECK(GgufTypeId(dtype).has_value(), "{} in a GGUF file", DTypeName(dtype));
  tensors_.push_back({std::string(name), dtype, shape});
}

uint64_t GgufWriter::tensor_bytes() const {
  uint64_t bytes = 0;
  for (const Described& tensor : tensors_) bytes += tensor.bytes();
  return bytes;
}

Status GgufWriter::Write(const Path& path,
                         const std::function<Status(size_t tensor, std::span<std::byte> out)>& fill) const {
  std::string head = "GGUF" + LittleEndian(uint32_t{3}) + LittleEndian(uint64_t{tensors_.size()}) +
                     LittleEndian(uint64_t{keys_.size()});
  const auto put = [&head](const std::string& key, const Value& value) {
    head += Lengthened(key) + LittleEndian(static_cast<uint32_t>(value.type)) + value.bytes;
  };
  // Some readers take the first key for the architecture.
  if (const auto first = keys_.find(kFirstKey); first != keys_.end()) put(first->first, first->second);
  for (const auto& [key, value] : keys_) {
    if (key != kFirstKey) put(key, value);
  }
  uint64_t offset = 0;
  for (const Described& tensor : tensors_) {
    head += Lengthened(tensor.name) + LittleEndian(static_cast<uint32_t>(tensor.shape.size()));
    for (auto dim = tensor.shape.rbegin(); dim != tensor.shape.rend(); ++dim) head += LittleEndian(uint64_t(*dim));
    head += LittleEndian(*GgufTypeId(tensor.dtype)) + LittleEndian(offset);
    offset = Aligned(offset + tensor.bytes());
  }
  head.resize(Aligned(head.size()));

  if (path.has_parent_path()) BANTAM_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  PartialFile partial(Path(path.string() + ".partial"));
  const UniqueFd file(::open(partial.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return ErrnoError("write", path, errno);
  BANTAM_RETURN_IF_ERROR(WriteAll(file.get(), head, path));
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    bytes.assign(Aligned(tensors_[i].bytes()), std::byte{0});
    BANTAM_RETURN_IF_ERROR(fill(i, std::span(bytes).first(tensors_[i].bytes())));
    BANTAM_RETURN_IF_ERROR(WriteAll(file.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path));
  }
  if (::fsync(file.get()) != 0) return ErrnoError("sync", path, errno);
  return partial.MoveTo(path);
}

}  // namespace bantam
