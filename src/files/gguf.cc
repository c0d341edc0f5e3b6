#include "files/gguf.h"

#include <fmt/format.h>

#include "base/text_util.h"
#include "files/json_cursor.h"

namespace bantam {
namespace {

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

// "model-00002-of-00003.gguf": the name of part `index` (from 0) of `count`, from that of the first; empty when the
// first is not named so.
std::string PartName(const std::string& first, int64_t index, int64_t count) {
  const std::string ending = fmt::format("-00001-of-{:05}.gguf", count);
  if (!first.ends_with(ending)) return "";
  return fmt::format("{}-{:05}-of-{:05}.gguf", first.substr(0, first.size() - ending.size()), index + 1, count);
}

constexpr std::string_view kNumber = "split.no", kCount = "split.count", kTensorCount = "split.tensors.count";

}  // namespace

Result<std::shared_ptr<const GgufFile>> GgufFile::Open(const Path& path) {
  std::shared_ptr<GgufFile> file(new GgufFile());
  BANTAM_RETURN_IF_ERROR(file->OpenParts(path));
  return std::shared_ptr<const GgufFile>(std::move(file));
}

Status GgufFile::OpenParts(const Path& first) {
  BANTAM_TRY(MappedFile mapped, MappedFile::Open(first));
  const std::string name = Printable(first);
  BANTAM_TRY(GgufHeader header, ParseGguf(mapped.bytes(), name));
  version_ = header.version;
  metadata_ = GgufMetadata(header.metadata, name);
  BANTAM_TRY(const int64_t count, metadata_.IntOr(kCount, 1, 0, GgufLimits::kParts));
  BANTAM_TRY(const int64_t number, metadata_.IntOr(kNumber, 0, 0, std::max<int64_t>(count - 1, 0)));
  if (number != 0) {
    return metadata_.Wrong(kNumber, fmt::format("this is part {} of {}: name the first part", number + 1, count));
  }
  BANTAM_RETURN_IF_ERROR(AddPart(std::move(mapped), std::move(header)));
  if (count <= 1) return Ok();
  BANTAM_TRY(const int64_t num_tensors,
             metadata_.Int(kTensorCount, 0, GgufLimits::kParts * static_cast<int64_t>(GgufLimits::kTensors)));
  for (int64_t i = 1; i < count; ++i) {
    const std::string part_name = PartName(first.filename().string(), i, count);
    if (part_name.empty()) {
      return metadata_.Wrong(
          kCount, fmt::format("the file is the first of {} parts, which are found by name: it must be called "
                              "NAME-00001-of-{:05}.gguf, beside the others",
                              count, count));
    }
    const Path path = first.parent_path() / part_name;
    auto opened = MappedFile::Open(path);
    if (!opened) {
      return Error{opened.error().code,
                   fmt::format("{}: part {} of {} is not beside it: {}", name, i + 1, count, opened.error().message)};
    }
    const std::string place = Printable(path);
    BANTAM_TRY(GgufHeader part, ParseGguf(opened->bytes(), place));
    const GgufMetadata keys(part.metadata, place);
    BANTAM_TRY(const int64_t told_count, keys.Int(kCount, 0, INT64_MAX));
    BANTAM_TRY(const int64_t told_number, keys.Int(kNumber, 0, INT64_MAX));
    if (told_count != count || told_number != i) {
      return keys.Wrong(kNumber, fmt::format("the file says that it is part {} of {}, its name part {} of {}",
                                             told_number + 1, told_count, i + 1, count));
    }
    BANTAM_RETURN_IF_ERROR(AddPart(*std::move(opened), std::move(part)));
  }
  if (static_cast<int64_t>(tensors_.size()) != num_tensors) {
    return metadata_.Wrong(kTensorCount, fmt::format("the parts hold {} tensors, expected {}: is one of another model?",
                                                     tensors_.size(), num_tensors));
  }
  return Ok();
}

Status GgufFile::AddPart(MappedFile mapped, GgufHeader header) {
  const size_t part = mapped_.size();
  const std::string name = Printable(mapped.path());
  paths_.push_back(mapped.path());
  // Moving a mapping does not move its bytes.
  const std::span<const std::byte> bytes = mapped.bytes();
  mapped_.push_back(std::move(mapped));
  tensors_.reserve(tensors_.size() + header.tensors.size());
  for (GgufTensorEntry& entry : header.tensors) {
    const auto begin = static_cast<size_t>(entry.begin), end = static_cast<size_t>(entry.end);
    tensors_.push_back(
        {std::move(entry.name), {entry.dtype, std::move(entry.shape), bytes.subspan(begin, end - begin)}, part});
  }
  // Names have moved with the vector: the index refers to them where they are now.
  by_name_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (by_name_.emplace(tensors_[i].name, i).second) continue;
    return Err(ErrorCode::kCorrupt, "{}: tensor '{}' is in an earlier part too", name,
               EscapeForTerminal(tensors_[i].name));
  }
  return Ok();
}

const GgufTensor* GgufFile::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

uint64_t GgufFile::size_bytes() const {
  uint64_t total = 0;
  for (const MappedFile& file : mapped_) total += file.bytes().size();
  return total;
}

void GgufFile::Advise(Access access) const {
  for (const MappedFile& file : mapped_) {
    file.Advise(access == Access::kWholeSoon ? MappedFile::Access::kWholeSoon : MappedFile::Access::kRandom);
  }
}

}  // namespace bantam
