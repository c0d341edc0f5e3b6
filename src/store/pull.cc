#include "store/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/checked.h"
#include "base/paths.h"
#include "base/text_util.h"
#include "files/model_format.h"
#include "store/download.h"
#include "store/staging.h"

namespace bantam {
namespace {

using Stage = PullProgress::Stage;

// What the file system needs beside the bytes of the files.
constexpr uint64_t kSpareBytes = uint64_t{16} << 20;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

std::string RetryText(const Error& why, std::chrono::milliseconds pause) {
  return fmt::format("{}; again in {:.1f} s", why.message, static_cast<double>(pause.count()) / 1000);
}

class Pull {
 public:
  Pull(RemoteModel model, const RemoteSettings& settings, const PullOptions& options, Path store)
      : model_(std::move(model)),
        options_(options),
        settings_(settings),
        store_(std::move(store)),
        name_(options.name.value_or(model_.name)) {}

  Result<Pulled> Run(HttpClient& client) {
    BANTAM_RETURN_IF_ERROR(CheckPlainName("the model's name", name_));
    BANTAM_TRY(total_, TotalSize());
    BANTAM_RETURN_IF_ERROR(CheckPlace());
    BANTAM_TRY(Staging staging, Staging::Open(store_, name_, [&] { Tell(Stage::kWaiting); }, options_.stop));
    // Another process may have finished it while we waited.
    BANTAM_RETURN_IF_ERROR(CheckPlace());
    Tell(Stage::kVerifying);
    BANTAM_TRY(const bool whole, GatherWhatIsThere(staging));
    Pulled pulled{.name = name_, .folder = store_ / name_, .size_bytes = total_};
    if (whole) {
      BANTAM_RETURN_IF_ERROR(RemoveTree(Staging::FolderOf(store_, name_)));
      pulled.was_there = true;
      Tell(Stage::kDone);
      return pulled;
    }
    BANTAM_RETURN_IF_ERROR(CheckSpace(staging));
    for (const RemoteFile& file : model_.files) BANTAM_RETURN_IF_ERROR(FetchFile(client, file, staging));
    Tell(Stage::kWriting);
    BANTAM_RETURN_IF_ERROR(staging.Arrange(model_.files));
    if (model_.parameters == 0) {
      // A model that cannot be read is stored all the same: its files are what was asked for.
      if (const auto opened = OpenModelFolder(staging.model())) model_.parameters = CountParameters(*opened);
    }
    BANTAM_RETURN_IF_ERROR(WriteManifest(staging.model(), MakeManifest()));
    if (options_.approve) BANTAM_RETURN_IF_ERROR(options_.approve(name_, staging.model()));
    BANTAM_RETURN_IF_ERROR(staging.Publish(there_));
    pulled.fetched_bytes = fetched_;
    Tell(Stage::kDone);
    return pulled;
  }

 private:
  Result<uint64_t> TotalSize() const {
    uint64_t total = 0;
    std::set<std::string> paths;
    for (const RemoteFile& file : model_.files) {
      const auto sum = CheckedAdd(total, file.size);
      if (!sum || *sum > static_cast<uint64_t>(INT64_MAX)) {
        return Err(ErrorCode::kCorrupt, "{}: the sizes of its files add up to more than there can be",
                   model_.reference.Text());
      }
      if (!paths.insert(file.path).second) {
        return Err(ErrorCode::kCorrupt, "{}: two of its files would be called {}", model_.reference.Text(),
                   EscapeForTerminal(file.path));
      }
      total = *sum;
    }
    return total;
  }

  // Whether the name is free, or another state of this model has it.
  Status CheckPlace() {
    std::error_code ignored;
    const Path place = store_ / name_;
    there_ = std::filesystem::exists(std::filesystem::symlink_status(place, ignored));
    older_.reset();
    if (!there_) {
      if (!std::filesystem::exists(store_ / (name_ + ".gguf"), ignored)) return Ok();
      return Err(ErrorCode::kConflict, "{} has a file {}.gguf already: choose another name with --name",
                 Printable(store_), name_);
    }
    auto manifest = ReadManifest(place);
    if (manifest && manifest->reference == model_.reference.Text()) {
      older_ = *std::move(manifest);
      return Ok();
    }
    const std::string what = !manifest                      ? "a folder of unknown origin"
                             : !manifest->reference.empty() ? manifest->reference
                                                            : manifest->source;
    return Err(ErrorCode::kConflict,
               "the store has a model \"{}\" already, from {}: choose another name with --name, or remove that one "
               "with 'bantam rm {}'",
               name_, EscapeForTerminal(what), name_);
  }

  // Links whole files that the store has into the parts. True: the model is there, nothing is to be done.
  Result<bool> GatherWhatIsThere(const Staging& staging) {
    bool whole = older_ && older_->revision == model_.revision && older_->files.size() == model_.files.size();
    const auto models = ListModels(store_);
    for (const RemoteFile& file : model_.files) {
      if (options_.stop.stop_requested()) return Err(ErrorCode::kCancelled, "stopped");
      if (older_) {
        const Path place = store_ / name_ / file.path;
        if (const auto sha256 = HashIfEqual(place, file.size, file.digest)) {
          const auto recorded = older_->files.find(file.path);
          whole = whole && recorded != older_->files.end() && recorded->second.sha256 == *sha256;
          BANTAM_RETURN_IF_ERROR(TakeFrom(place, file, staging));
          sha256_[file.path] = *sha256;
          continue;
        }
      }
      whole = false;
      if (!models || file.digest.kind != FileDigest::Kind::kSha256) continue;
      if (const auto twin = FindTwin(*models, file)) {
        BANTAM_RETURN_IF_ERROR(TakeFrom(*twin, file, staging));
        sha256_[file.path] = file.digest.hex;
      }
    }
    return whole;
  }

  static Status TakeFrom(const Path& place, const RemoteFile& file, const Staging& staging) {
    const Path part = staging.PartOf(file.digest);
    std::error_code ignored;
    if (std::filesystem::exists(part, ignored)) {
      if (staging.HaveOf(file) == file.size) return Ok();
      std::filesystem::remove(part, ignored);
    }
    // A link of the store's set-up may be a symbolic one.
    const Path real = std::filesystem::canonical(place, ignored);
    return LinkOrCopy(real.empty() ? place : real, part);
  }

  // The same bytes in another model.
  static std::optional<Path> FindTwin(const std::vector<StoredModel>& models, const RemoteFile& file) {
    for (const StoredModel& model : models) {
      if (!model.manifest) continue;
      for (const auto& [path, entry] : model.manifest->files) {
        if (entry.sha256 != file.digest.hex || entry.size != file.size) continue;
        if (HashIfEqual(model.path / path, file.size, file.digest)) return model.path / path;
      }
    }
    return std::nullopt;
  }

  Status CheckSpace(const Staging& staging) const {
    uint64_t needed = 0;
    std::set<std::string> seen;
    for (const RemoteFile& file : model_.files) {
      if (seen.insert(file.digest.hex).second) needed += file.size - staging.HaveOf(file);
    }
    BANTAM_TRY(const uint64_t free, FreeBytes(store_));
    if (needed == 0 || (free >= kSpareBytes && free - kSpareBytes >= needed)) return Ok();
    return Err(
        ErrorCode::kOutOfDisk,
        "{} needs {}, and {} has {} free: remove models that are not needed ('bantam list', 'bantam rm'), or name "
        "another place with BANTAM_HOME",
        model_.reference.Text(), HumanBytes(needed), Printable(store_), HumanBytes(free));
  }

  Status FetchFile(HttpClient& client, const RemoteFile& file, const Staging& staging) {
    DownloadOptions download{.max_retries = settings_.max_retries, .first_pause = settings_.first_pause};
    download.stop = options_.stop;
    const uint64_t had = staging.HaveOf(file);
    download.on_progress = [&](uint64_t done) { Tell(Stage::kFetching, &file, done); };
    download.on_retry = [&](const Error& why, std::chrono::milliseconds pause) {
      Tell(Stage::kRetrying, &file, staging.HaveOf(file), RetryText(why, pause));
    };
    if (!sha256_.contains(file.path)) {
      BANTAM_TRY(sha256_[file.path], Download(client, file, staging.PartOf(file.digest), download));
    }
    fetched_ += file.size - std::min(had, file.size);
    all_done_ += file.size;
    return Ok();
  }

  ModelManifest MakeManifest() const {
    ModelManifest manifest{.name = name_,
                           .source = model_.reference.Text(),
                           .license = model_.license,
                           .reference = model_.reference.Text(),
                           .revision = model_.revision,
                           .parameters = model_.parameters,
                           .files = {}};
    for (const RemoteFile& file : model_.files) manifest.files[file.path] = {file.size, sha256_.at(file.path)};
    return manifest;
  }

  void Tell(Stage stage, const RemoteFile* file = nullptr, uint64_t completed = 0, std::string why = {}) const {
    if (!options_.on_progress) return;
    PullProgress progress;
    progress.stage = stage;
    progress.all_completed = all_done_ + completed;
    progress.all_total = total_;
    progress.why = std::move(why);
    if (stage == Stage::kDone) progress.all_completed = total_;
    if (file != nullptr) {
      progress.file = file->path;
      progress.digest = (file->digest.kind == FileDigest::Kind::kSha256 ? "sha256:" : "git:") + file->digest.hex;
      progress.completed = completed;
      progress.total = file->size;
    }
    options_.on_progress(progress);
  }

  RemoteModel model_;
  const PullOptions& options_;
  const RemoteSettings& settings_;
  const Path store_;
  const std::string name_;
  bool there_ = false;
  std::optional<ModelManifest> older_;  // this model's state in the store
  std::map<std::string, std::string> sha256_;
  uint64_t total_ = 0, all_done_ = 0, fetched_ = 0;
};

}  // namespace

Result<Pulled> PullModel(const PullReference& reference, const RemoteSettings& settings, const PullOptions& options) {
  BANTAM_TRY(Path store, options.store ? Result<Path>(*options.store) : ModelsFolder());
  BANTAM_RETURN_IF_ERROR(MakeFolders(store));
  if (options.on_progress) options.on_progress({});
  HttpClient client;
  const bool hub = reference.source == PullReference::Source::kHub;
  AskOptions ask{.on_retry = {}, .stop = options.stop};
  ask.on_retry = [&](const Error& why, std::chrono::milliseconds pause) {
    if (options.on_progress) options.on_progress({.stage = Stage::kRetrying, .why = RetryText(why, pause)});
  };
  BANTAM_TRY(RemoteModel model,
             hub ? AskHub(client, settings, reference, ask) : AskRegistry(client, settings, reference, ask));
  return Pull(std::move(model), settings, options, std::move(store)).Run(client);
}

}  // namespace bantam
