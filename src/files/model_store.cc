#include "files/model_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/paths.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "files/sentence_config.h"

namespace bantam {
namespace {

constexpr size_t kMaxManifestFiles = 4096;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool IsSha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Verification opens what the manifest names: it must stay in the model's folder.
bool IsPlainRelative(std::string_view path) {
  if (path.empty() || path.size() > 1024 || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  for (const Path& part : Path(path)) {
    if (part == ".." || part == "." || part.empty()) return false;
  }
  return true;
}

Result<ModelManifest> ParseManifest(const json::value& document, const std::string& name) {
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, name));
  ModelManifest manifest;
  BANTAM_TRY(manifest.name, object.StringOr("name", ""));
  BANTAM_TRY(manifest.source, object.StringOr("source", ""));
  BANTAM_TRY(manifest.license, object.StringOr("license", ""));
  BANTAM_TRY(const int64_t parameters, object.IntOr("parameters", 0, 0, INT64_MAX));
  manifest.parameters = static_cast<uint64_t>(parameters);
  BANTAM_TRY(const JsonObject files, object.Object("files"));
  if (files.raw().size() > kMaxManifestFiles) {
    return Err(ErrorCode::kCorrupt, "{} has {} entries, the limit is {}", object.Where("files"), files.raw().size(),
               kMaxManifestFiles);
  }
  for (const auto& [path, value] : files.raw()) {
    if (!IsPlainRelative(path)) {
      return Err(ErrorCode::kCorrupt, "{}: \"{}\" is not a path inside the model's folder", object.Where("files"),
                 EscapeForTerminal(path));
    }
    BANTAM_TRY(const JsonObject entry, files.Object(path));
    BANTAM_TRY(const int64_t size, entry.Int("size", 0, INT64_MAX));
    BANTAM_TRY(std::string sha256, entry.String("sha256"));
    if (!IsSha256(sha256))
      return Err(ErrorCode::kCorrupt, "{} must be 64 lower-case hex digits", entry.Where("sha256"));
    manifest.files.emplace(path, ManifestFile{static_cast<uint64_t>(size), std::move(sha256)});
  }
  return manifest;
}

std::optional<std::string> VerifyFile(const Path& folder, const std::string& name, const ManifestFile& expected) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(folder / name, error);
  if (error) return fmt::format("{} is missing", EscapeForTerminal(name));
  if (size != expected.size)
    return fmt::format("{} has {} bytes, expected {}", EscapeForTerminal(name), size, expected.size);
  const auto sha256 = Sha256HexOfFile(folder / name);
  if (!sha256) return sha256.error().message;
  if (*sha256 != expected.sha256) {
    return fmt::format("{} has sha256 {}, expected {}", EscapeForTerminal(name), *sha256, expected.sha256);
  }
  return std::nullopt;
}

}  // namespace

Result<ModelManifest> ReadManifest(const Path& model_folder) {
  const Path path = model_folder / "bantam.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  auto manifest = ParseManifest(document, Printable(path));
  if (!manifest) return Error{ErrorCode::kCorrupt, manifest.error().message, manifest.error().where};
  return manifest;
}

Result<std::vector<StoredModel>> ListModels(const std::optional<Path>& folder) {
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  std::vector<StoredModel> models;
  std::error_code error;
  for (std::filesystem::directory_iterator it(store, error), end; !error && it != end; it.increment(error)) {
    StoredModel model{it->path().filename().string(), it->path(), std::nullopt, ""};
    std::error_code ignored;
    // Dot names are downloads under way.
    if (!CheckPlainName("model", model.name)) continue;
    if (!it->is_directory(ignored)) {
      if (!it->is_regular_file(ignored) || it->path().extension() != ".gguf") continue;
      model.name = it->path().stem().string();
      model.problem = "a GGUF file by itself: it has no manifest";
      models.push_back(std::move(model));
      continue;
    }
    auto manifest = ReadManifest(model.path);
    if (manifest) {
      model.manifest = *std::move(manifest);
    } else {
      model.problem = manifest.error().message;
    }
    models.push_back(std::move(model));
  }
  if (error && error != std::errc::no_such_file_or_directory) return ErrnoError("list", store, error.value());
  std::sort(models.begin(), models.end(), [](const StoredModel& a, const StoredModel& b) { return a.name < b.name; });
  return models;
}

Result<Path> FindModel(std::string_view reference, const std::optional<Path>& folder) {
  std::string_view name = reference;
  if (name.ends_with(":latest")) name.remove_suffix(std::string_view(":latest").size());
  BANTAM_RETURN_IF_ERROR(CheckPlainName("the model's name", name));
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  std::error_code ignored;
  if (std::filesystem::is_directory(store / name, ignored)) return store / name;
  const Path gguf = store / (std::string(name) + (name.ends_with(".gguf") ? "" : ".gguf"));
  if (std::filesystem::is_regular_file(gguf, ignored)) return gguf;
  BANTAM_TRY(const std::vector<StoredModel> models, ListModels(store));
  std::string there;
  for (const StoredModel& model : models) there += (there.empty() ? "" : ", ") + model.name;
  return Err(
      ErrorCode::kNotFound,
      "no model \"{}\" in {}, which holds {}; 'make setup' in the repository fetches all-MiniLM-L6-v2; a folder is "
      "named with a slash, as in ./{}",
      name, Printable(store), there.empty() ? "nothing yet" : there, name);
}

Result<std::vector<std::string>> VerifyModel(const StoredModel& model) {
  if (!model.manifest) {
    return Err(ErrorCode::kNotFound, "{}: no hashes to compare with: {}", model.name, model.problem);
  }
  std::vector<std::string> problems;
  for (const auto& [name, expected] : model.manifest->files) {
    if (auto problem = VerifyFile(model.path, name, expected)) problems.push_back(*std::move(problem));
  }
  return problems;
}

Result<std::string> WeightsSha256(const std::vector<Path>& weight_files, const std::optional<ModelManifest>& manifest) {
  std::string lines, last;
  for (const Path& path : weight_files) {
    const std::string name = path.filename().string();
    last.clear();
    if (manifest && manifest->files.contains(name)) {
      const ManifestFile& told = manifest->files.at(name);
      std::error_code error;
      const uint64_t size = std::filesystem::file_size(path, error);
      if (!error && size == told.size) {
        last = told.sha256;
      } else {
        Log(LogLevel::kWarning, "{} has {} bytes, its manifest says {}: was it replaced?", Printable(path), size,
            told.size);
      }
    }
    if (last.empty()) {
      BANTAM_TRY(last, Sha256HexOfFile(path));
    }
    lines += name + " " + last + "\n";
  }
  return weight_files.size() == 1 ? last : Sha256Hex(lines);
}

}  // namespace bantam
