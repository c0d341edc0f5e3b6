#include "files/model_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/paths.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "files/pull_reference.h"
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
  BANTAM_TRY(manifest.reference, object.StringOr("reference", ""));
  BANTAM_TRY(manifest.revision, object.StringOr("revision", ""));
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

bool EqualInAnyCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// The model that was pulled by this reference, however it is spelled; without its variant, the only one there is.
Result<Path> FindPulled(std::string_view text, const Path& store) {
  BANTAM_TRY(const PullReference wanted, ParsePullReference(text));
  BANTAM_TRY(const std::vector<StoredModel> models, ListModels(store));
  std::vector<const StoredModel*> loosely;
  for (const StoredModel& model : models) {
    if (!model.manifest || model.manifest->reference.empty()) continue;
    const auto pulled = ParsePullReference(model.manifest->reference);
    if (!pulled || pulled->source != wanted.source || pulled->revision != wanted.revision ||
        !EqualInAnyCase(pulled->repository, wanted.repository)) {
      continue;
    }
    const std::string file = wanted.variant.substr(wanted.variant.rfind('/') + 1);  // of an address from the browser
    if (EqualInAnyCase(pulled->variant, wanted.variant) || model.manifest->files.contains(file)) return model.path;
    if (wanted.variant.empty()) loosely.push_back(&model);
  }
  if (loosely.size() == 1) return loosely.front()->path;
  if (loosely.empty()) {
    return Err(ErrorCode::kNotFound, "no model was pulled as \"{}\": fetch it with 'bantam pull {}'",
               EscapeForTerminal(text), EscapeForTerminal(text));
  }
  std::string names;
  for (const StoredModel* model : loosely) names += (names.empty() ? "" : ", ") + model->name;
  return Err(ErrorCode::kInvalidArgument, "several models were pulled from \"{}\": name one of {}",
             EscapeForTerminal(text), names);
}

}  // namespace

Result<ModelManifest> ReadManifest(const Path& model_folder) {
  const Path path = model_folder / "bantam.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  auto manifest = ParseManifest(document, Printable(path));
  if (!manifest) return Error{ErrorCode::kCorrupt, manifest.error().message, manifest.error().where};
  return manifest;
}

Status WriteManifest(const Path& model_folder, const ModelManifest& manifest) {
  json::object object{{"name", manifest.name}, {"source", manifest.source}};
  if (!manifest.reference.empty()) object["reference"] = manifest.reference;
  if (!manifest.revision.empty()) object["revision"] = manifest.revision;
  object["license"] = manifest.license;
  if (manifest.parameters > 0) object["parameters"] = manifest.parameters;
  json::object files;
  for (const auto& [path, file] : manifest.files)
    files[path] = json::object{{"size", file.size}, {"sha256", file.sha256}};
  object["files"] = std::move(files);
  return WriteFileAtomic(model_folder / "bantam.json", ToJson(object) + "\n");
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

Result<std::string> NewModelName(std::string_view wanted) {
  if (wanted.ends_with(":latest")) wanted.remove_suffix(std::string_view(":latest").size());
  std::string name(wanted);
  std::ranges::replace(name, ':', '-');
  BANTAM_RETURN_IF_ERROR(CheckPlainName("the model's name", name));
  return name;
}

Result<Path> FindModel(std::string_view reference, const std::optional<Path>& folder) {
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  if (LooksLikePullReference(reference)) return FindPulled(reference, store);
  BANTAM_TRY(const std::string name, NewModelName(reference));
  std::error_code ignored;
  if (std::filesystem::is_directory(store / name, ignored)) return store / name;
  const Path gguf = store / (name + (name.ends_with(".gguf") ? "" : ".gguf"));
  if (std::filesystem::is_regular_file(gguf, ignored)) return gguf;
  BANTAM_TRY(const std::vector<StoredModel> models, ListModels(store));
  std::string there;
  for (const StoredModel& model : models) there += (there.empty() ? "" : ", ") + model.name;
  return Err(
      ErrorCode::kNotFound,
      "no model \"{}\" in {}, which holds {}; 'make setup' in the repository fetches all-MiniLM-L6-v2, 'bantam pull' "
      "others; a folder is named with a slash, as in ./{}",
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

}  // namespace bantam
