#include "files/weight_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text_util.h"
#include "files/foreign_format.h"
#include "files/json_cursor.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

constexpr uint64_t kMaxIndexBytes = 32 << 20;
constexpr size_t kMaxShards = 1024;
constexpr int kMaxIndexDepth = 8;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

class WeightFileSource final : public WeightSource {
 public:
  explicit WeightFileSource(std::string place) : place_(std::move(place)) {}

  void Add(std::unique_ptr<SafetensorsFile> file) {
    for (const auto& [name, view] : file->tensors()) tensors_.emplace(name, &view);
    files_.push_back(std::move(file));
  }

  Result<TensorView> Get(std::string_view name, const Shape& expected_shape) override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" {} is missing (the model has {} tensors, such as \"{}\")",
                 place_, EscapeForTerminal(name), ShapeString(expected_shape), tensors_.size(),
                 tensors_.empty() ? "" : EscapeForTerminal(Nearest(name)));
    }
    asked_.insert(found->first);
    if (found->second->shape != expected_shape) {
      return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" is {}, config.json says {}", place_, EscapeForTerminal(name),
                 ShapeString(found->second->shape), ShapeString(expected_shape));
    }
    return *found->second;
  }

  const TensorView* Find(std::string_view name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : found->second;
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, view] : tensors_) names.emplace_back(name);
    return names;
  }

  std::vector<std::string> Leftovers() const override {
    std::vector<std::string> names;
    for (const auto& [name, view] : tensors_) {
      if (!asked_.contains(name)) names.emplace_back(name);
    }
    return names;
  }

  void Release(std::span<const std::byte> bytes) const override {
    for (const auto& file : files_) file->Release(bytes);  // all but the one that they lie in do nothing
  }

 private:
  // A checkpoint of another head or library often differs by a prefix ("bert."), which the same ending shows.
  std::string_view Nearest(std::string_view name) const {
    std::string_view best = tensors_.begin()->first;
    size_t best_length = 0;
    for (const auto& [candidate, view] : tensors_) {
      const auto differ = std::mismatch(name.rbegin(), name.rend(), candidate.rbegin(), candidate.rend());
      const auto length = static_cast<size_t>(differ.first - name.rbegin());
      if (length > best_length) best = candidate, best_length = length;
    }
    return best;
  }

  std::string place_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, const TensorView*, std::less<>> tensors_;
  std::set<std::string, std::less<>> asked_;
};

Result<WeightFiles> OpenSharded(const Path& folder, const Path& index_path) {
  const std::string index_name = Printable(index_path);
  BANTAM_TRY(const std::string text, ReadFile(index_path, kMaxIndexBytes));
  BANTAM_TRY(const auto weight_map, ParseSafetensorsIndex(text, index_name));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map) shards.insert(shard);

  auto source = std::make_shared<WeightFileSource>(Printable(folder));
  std::vector<Path> paths;
  size_t num_tensors = 0;
  for (const std::string& shard : shards) {
    auto path = ResolveInside(folder, shard);
    if (!path) {
      return Err(path.error().code, "{}: weight_map file \"{}\": {}", index_name, EscapeForTerminal(shard),
                 path.error().message);
    }
    BANTAM_TRY(auto file, SafetensorsFile::Open(*path));
    for (const auto& [tensor, view] : file->tensors()) {
      const auto listed = weight_map.find(tensor);
      if (listed == weight_map.end() || listed->second != shard) {
        return Err(ErrorCode::kCorrupt, "{}: tensor '{}' lies in \"{}\", but weight_map {}", index_name,
                   EscapeForTerminal(tensor), EscapeForTerminal(shard),
                   listed == weight_map.end() ? "does not list it"
                                              : fmt::format("says \"{}\"", EscapeForTerminal(listed->second)));
      }
    }
    num_tensors += file->tensors().size();
    paths.push_back(*std::move(path));
    source->Add(std::move(file));
  }
  if (num_tensors != weight_map.size()) {
    for (const auto& [tensor, shard] : weight_map) {
      if (source->Has(tensor)) continue;
      return Err(ErrorCode::kCorrupt, "{}: weight_map puts tensor '{}' into \"{}\", which does not hold it", index_name,
                 EscapeForTerminal(tensor), EscapeForTerminal(shard));
    }
  }
  return WeightFiles{std::move(source), std::move(paths)};
}

// Nothing of ours in the folder: say what is there instead.
Error NoWeights(const Path& folder) {
  std::error_code ignored;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (const auto what = ForeignFileName(name)) {
      return Err(ErrorCode::kUnsupported, "{} holds no model.safetensors, only {}: {}", Printable(folder),
                 EscapeForTerminal(name), *what);
    }
  }
  return Err(ErrorCode::kNotFound, "{} holds neither model.safetensors nor model.safetensors.index.json",
             Printable(folder));
}

}  // namespace

Result<Path> ResolveInside(const Path& folder, std::string_view relative) {
  // Weight maps name files beside them. A separator is the start of every way out, so none is taken, of any system.
  if (relative.empty() || relative == "." || relative == ".." ||
      relative.find_first_of("/\\:") != std::string_view::npos || relative.find('\0') != std::string_view::npos) {
    return Err(ErrorCode::kCorrupt, "must be the name of a file in the same folder");
  }
  const Path path = folder / relative;
  std::error_code error;
  const Path real_folder = std::filesystem::canonical(folder, error);
  if (error) return ErrnoError("open", folder, error.value());
  const Path real = std::filesystem::canonical(path, error);
  if (error == std::errc::too_many_symbolic_link_levels)
    return Err(ErrorCode::kCorrupt, "is a symbolic link to itself");
  if (error) return ErrnoError("open", path, error.value());
  const auto [end, unused] = std::mismatch(real_folder.begin(), real_folder.end(), real.begin(), real.end());
  if (end != real_folder.end())
    return Err(ErrorCode::kCorrupt, "is a symbolic link that leaves the folder: copy the file here");
  struct stat info{};
  if (::stat(real.c_str(), &info) != 0) return ErrnoError("inspect", path, errno);
  if (!S_ISREG(info.st_mode)) return Err(ErrorCode::kCorrupt, "is not a regular file");
  if (info.st_nlink > 1) {
    Log(LogLevel::kWarning, "{} has {} hard links: another name can change it", Printable(path), info.st_nlink);
  }
  return real;
}

Result<std::map<std::string, std::string>> ParseSafetensorsIndex(std::string_view text, std::string_view name) {
  JsonCursor cursor(text, 0, name);
  std::map<std::string, std::string> weight_map;
  std::set<std::string> seen, shards;
  BANTAM_RETURN_IF_ERROR(
      cursor.Object("index", SafetensorsLimits::kNameBytes, [&](std::string key, uint64_t offset) -> Status {
        if (!seen.insert(key).second || seen.size() > 64)
          return FileError(name, "index", offset, "a duplicate key or too many keys");
        if (key != "weight_map") return cursor.Skip(EscapeForTerminal(key), kMaxIndexDepth);
        return cursor.Object(
            "weight_map", SafetensorsLimits::kNameBytes, [&](std::string tensor, uint64_t at) -> Status {
              const std::string field = fmt::format("weight_map '{}'", EscapeForTerminal(tensor));
              BANTAM_TRY(std::string shard, cursor.String(field, SafetensorsLimits::kNameBytes));
              if (shards.insert(shard).second && shards.size() > kMaxShards) {
                return FileError(name, field, at, fmt::format("too many files (limit {})", kMaxShards));
              }
              if (weight_map.size() == SafetensorsLimits::kTensors) {
                return FileError(name, field, at,
                                 fmt::format("too many tensors (limit {})", SafetensorsLimits::kTensors));
              }
              if (!weight_map.emplace(std::move(tensor), std::move(shard)).second)
                return FileError(name, field, at, "a duplicate key");
              return Ok();
            });
      }));
  cursor.SkipSpace();
  if (!cursor.AtEnd()) return cursor.Wrong("index", "text after the end of the JSON value");
  if (weight_map.empty()) return FileError(name, "weight_map", 0, "missing or empty");
  return weight_map;
}

Result<WeightFiles> OpenWeightFiles(const Path& folder) {
  std::error_code ignored;
  const Path single = folder / "model.safetensors";
  if (std::filesystem::exists(single, ignored)) {
    BANTAM_TRY(auto file, SafetensorsFile::Open(single));
    auto source = std::make_shared<WeightFileSource>(Printable(folder));
    source->Add(std::move(file));
    return WeightFiles{std::move(source), {single}};
  }
  const Path index = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(index, ignored)) return OpenSharded(folder, index);
  return NoWeights(folder);
}

}  // namespace bantam
