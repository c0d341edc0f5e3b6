#include "learn/quant_folder.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/paths.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "files/model_store.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

constexpr const char* kReportFile = "quantization_report.json";
constexpr uint64_t kMaxCopyBytes = uint64_t{256} << 20;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::symlink_status(path, ignored).type() != std::filesystem::file_type::not_found;
}

// What of a model's folder describes the model rather than holds weights: tokenizer, pooling, licence, card.
bool IsDescription(const Path& relative) {
  const std::string name = relative.filename().string(), extension = relative.extension().string();
  for (const char* ours : {"bantam.json", kReportFile, "model.safetensors.index.json"}) {
    if (name == ours) return false;
  }
  if (name.starts_with('.')) return false;
  static constexpr std::array kExtensions = {".json", ".txt", ".md", ".model", ".jinja"};
  return extension.empty() ? name.starts_with("LICEN") || name.starts_with("NOTICE")
                           : std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

// Relative paths of the files to copy: of the folder and of the folders in it.
Result<std::vector<Path>> Descriptions(const Path& folder) {
  std::vector<Path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code inner;
    const Path name = it->path().filename();
    if (it->is_regular_file(inner) && IsDescription(name)) files.push_back(name);
    // Exports for other runtimes carry tokenizers of their own.
    if (!it->is_directory(inner) || name == "packed" || name == "onnx" || name == "openvino") continue;
    for (std::filesystem::directory_iterator sub(it->path(), inner), done; !inner && sub != done;
         sub.increment(inner)) {
      std::error_code ignored;
      if (sub->is_regular_file(ignored) && IsDescription(name / sub->path().filename())) {
        files.push_back(name / sub->path().filename());
      }
    }
    if (inner) return ErrnoError("list", it->path(), inner.value());
  }
  if (error) return ErrnoError("list", folder, error.value());
  std::sort(files.begin(), files.end());
  return files;
}

// A folder under way, removed unless it was renamed.
class PartialFolder {
 public:
  explicit PartialFolder(Path path) : path_(std::move(path)) {}
  ~PartialFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;
  const Path& path() const { return path_; }
  void Release() { path_.clear(); }

 private:
  Path path_;
};

// Writes files and remembers them for the manifest.
class FolderWriter {
 public:
  explicit FolderWriter(Path folder) : folder_(std::move(folder)) {}
  Status Put(const Path& relative, std::string_view bytes) {
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder_ / relative, bytes));
    files_[relative.generic_string()] = json::object{{"size", bytes.size()}, {"sha256", Sha256Hex(bytes)}};
    return Ok();
  }
  json::object TakeFiles() { return std::move(files_); }

 private:
  Path folder_;
  json::object files_;
};

// In the place of `out`: a rename, or, where a folder is replaced, an exchange, so that there is always one or the
// other.
Status MoveIntoPlace(PartialFolder& partial, const Path& out) {
  if (!Exists(out)) {
    // Without RENAME_NOREPLACE an empty folder that somebody just made would be taken over silently, which is as good.
    if (::rename(partial.path().c_str(), out.c_str()) != 0) return ErrnoError("rename to", out, errno);
    partial.Release();
  } else if (::renameat2(AT_FDCWD, partial.path().c_str(), AT_FDCWD, out.c_str(), RENAME_EXCHANGE) != 0) {
    return ErrnoError("replace", out, errno);
  }  // what was there has the partial name now, and goes with it
  const Path parent = out.has_parent_path() ? out.parent_path() : Path(".");
  UniqueFd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid() && ::fsync(folder.get()) != 0) return ErrnoError("sync the folder", parent, errno);
  return Ok();
}

}  // namespace

Result<Path> OutputFolder(std::string_view reference, const ModelFolder& original, bool force) {
  Path out;
  if (reference.find('/') != std::string_view::npos || reference == ".") {
    out = std::filesystem::absolute(Path(reference)).lexically_normal();
    if (!out.has_filename()) out = out.parent_path();
  } else {
    BANTAM_RETURN_IF_ERROR(CheckPlainName("the model's name", reference));
    BANTAM_TRY(const Path store, ModelsFolder());
    out = store / reference;
  }
  std::error_code error;
  if (!Exists(out)) return out;
  if (std::filesystem::equivalent(out, original.path, error)) {
    return Err(ErrorCode::kInvalidArgument, "{} is the model itself: name another folder", Printable(out));
  }
  if (!force) {
    return Err(ErrorCode::kInvalidArgument, "{} exists already: name another folder, or say --force to replace it",
               Printable(out));
  }
  const bool folder = std::filesystem::is_directory(std::filesystem::symlink_status(out, error));
  if (!folder || (!Exists(out / "config.json") && !std::filesystem::is_empty(out, error))) {
    return Err(ErrorCode::kInvalidArgument, "{} is not a model's folder: --force replaces nothing else",
               Printable(out));
  }
  return out;
}

Status WriteQuantized(QuantModel& model, const std::vector<WeightType>& types, const QuantReport& report,
                      const Path& out) {
  const ModelFolder& original = model.folder();
  // A dot name: `bantam list` does not show it.
  PartialFolder partial(out.parent_path() / fmt::format(".{}.{}.partial", out.filename().string(), ::getpid()));
  BANTAM_RETURN_IF_ERROR(MakeFolders(partial.path()));
  FolderWriter writer(partial.path());
  BANTAM_TRY(const std::vector<Path> files, Descriptions(original.path));
  const Path transformer = original.transformer_folder.lexically_relative(original.path).lexically_normal();
  const Path weights_folder = transformer == "." ? Path() : transformer;
  for (const Path& file : files) {
    if (file == weights_folder / "config.json") continue;
    BANTAM_TRY(const std::string bytes, ReadFile(original.path / file, kMaxCopyBytes));
    BANTAM_RETURN_IF_ERROR(writer.Put(file, bytes));
  }
  const WeightPlan plan = model.Plan(report.type, types);
  BANTAM_RETURN_IF_ERROR(writer.Put(weights_folder / "config.json", ToJson(model.Config(plan)) + "\n"));
  const std::string report_json = ToJson(ToJsonObject(report));
  BANTAM_RETURN_IF_ERROR(writer.Put(kReportFile, report_json + "\n"));
  BANTAM_RETURN_IF_ERROR(
      writer.Put(weights_folder / "model.safetensors",
                 SerializeSafetensors(model.Tensors(types), {{"format", "pt"}, {"bantam.quantization", report_json}})));

  json::object manifest = {{"name", out.filename().string()},
                           {"source", fmt::format("{}, quantised to {}", original.name, WeightTypeName(report.type))},
                           {"parameters", model.num_parameters()},
                           {"files", writer.TakeFiles()}};
  if (const auto told = ReadManifest(original.path); told && !told->license.empty())
    manifest["license"] = told->license;
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(partial.path() / "bantam.json", ToJson(manifest) + "\n"));
  return MoveIntoPlace(partial, out);
}

}  // namespace bantam
