#include "store/upload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <random>
#include <vector>

#include "base/paths.h"
#include "base/text_util.h"
#include "files/model_folder.h"
#include "files/model_format.h"
#include "files/model_store.h"
#include "store/hub_files.h"
#include "store/remote_path.h"
#include "store/staging.h"

namespace bantam {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kSource = "an upload";  // of the manifests of such models
// What the file system keeps free, for what else is written to it.
constexpr uint64_t kSpareBytes = uint64_t{64} << 20;
constexpr uint64_t kLookEvery = uint64_t{64} << 20;
constexpr std::chrono::hours kKept{24};

Result<Path> StoreFolder(const std::optional<Path>& store) { return store ? Result<Path>(*store) : ModelsFolder(); }

Path BlobsOf(const Path& store) { return store / ".blobs"; }
Path BlobOf(const Path& store, const FileDigest& digest) { return BlobsOf(store) / digest.FileName(); }

// What nobody came back for, and what a server that was killed has left. Errors are the next call's.
void RemoveForgotten(const Path& blobs) {
  std::error_code error;
  const auto limit = std::filesystem::file_time_type::clock::now() - kKept;
  for (std::filesystem::directory_iterator it(blobs, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto written = it->last_write_time(ignored);
    if (!ignored && written < limit) std::filesystem::remove(it->path(), ignored);
  }
}

}  // namespace

Result<FileDigest> ParseBlobName(std::string_view name) {
  std::optional<FileDigest> digest;
  if (name.starts_with(kPrefix)) digest = MakeDigest(FileDigest::Kind::kSha256, name.substr(kPrefix.size()));
  if (digest) return *digest;
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is no digest: write sha256: and 64 lower-case hex digits",
             EscapeForTerminal(name, 80));
}

bool HasBlob(const FileDigest& digest, const std::optional<Path>& store) {
  const auto folder = StoreFolder(store);
  std::error_code ignored;
  return folder && std::filesystem::is_regular_file(BlobOf(*folder, digest), ignored);
}

BlobUpload::BlobUpload(FileDigest digest, std::optional<uint64_t> size, std::optional<Path> store)
    : digest_(std::move(digest)), size_(size), store_(std::move(store)) {}

BlobUpload::~BlobUpload() {
  if (fd_.valid()) ::unlink(part_.c_str());
}

Status BlobUpload::CheckSpace(uint64_t wanted) const {
  BANTAM_TRY(const uint64_t free, FreeBytes(part_.parent_path()));
  if (free >= kSpareBytes && free - kSpareBytes >= wanted) return Ok();
  return Err(ErrorCode::kOutOfDisk,
             "{} more of an upload do not fit, the store has {} free: remove models that are not needed ('bantam "
             "list', 'bantam rm'), or name another place with BANTAM_HOME",
             HumanBytes(wanted), HumanBytes(free));
}

Status BlobUpload::Open() {
  BANTAM_TRY(store_, StoreFolder(store_));
  const Path blobs = BlobsOf(*store_);
  BANTAM_RETURN_IF_ERROR(MakeFolders(blobs));
  RemoveForgotten(blobs);
  // Its own: containers that share a store have the same process numbers, too.
  std::random_device random;
  part_ = blobs / fmt::format("{}.{:08x}{:08x}", digest_.FileName(), random(), random());
  fd_ = UniqueFd(::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd_.valid()) return ErrnoError("make", part_, errno);
  return CheckSpace(size_.value_or(0));
}

Status BlobUpload::Write(std::string_view bytes) {
  if (!fd_.valid()) BANTAM_RETURN_IF_ERROR(Open());
  if (written_ / kLookEvery != (written_ + bytes.size()) / kLookEvery) BANTAM_RETURN_IF_ERROR(CheckSpace(bytes.size()));
  hash_.Update(bytes);
  written_ += bytes.size();
  return WriteAll(fd_.get(), bytes, part_);
}

Status BlobUpload::Finish() {
  if (!fd_.valid()) BANTAM_RETURN_IF_ERROR(Open());
  const std::string found = HexOf(hash_.Finish());
  if (found != digest_.hex) {
    return Err(ErrorCode::kInvalidArgument, "the {} bytes that came have sha256:{}, not sha256:{}: send the file again",
               written_, found, digest_.hex);
  }
  if (::fsync(fd_.get()) != 0) return ErrnoError("sync", part_, errno);
  const Path place = BlobOf(*store_, digest_);
  if (::rename(part_.c_str(), place.c_str()) != 0) return ErrnoError("rename to", place, errno);
  fd_ = UniqueFd();
  return SyncFolder(place.parent_path());
}

namespace {

// Whether the name is free, or a model has it that was made of uploads as well.
Result<bool> IsThere(const Path& store, const std::string& name) {
  std::error_code ignored;
  const Path place = store / name;
  const auto exists = [&](const Path& path) {
    return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
  };
  const bool there = exists(place);
  if (!there && !exists(store / (name + ".gguf"))) return false;
  const auto manifest = there ? ReadManifest(place) : Result<ModelManifest>(ModelManifest{});
  if (manifest && manifest->source == kSource) return true;
  return Err(ErrorCode::kConflict,
             "the store has a model \"{}\" already, which is none that was uploaded: choose another name, or remove "
             "that one first (DELETE /api/delete, 'bantam rm {}')",
             name, name);
}

struct Chosen {
  std::vector<RemoteFile> files;
  std::vector<Path> blobs;
};

// Those that make the model, at their places in it.
Result<Chosen> Choose(const Path& store, const std::string& name, const std::map<std::string, FileDigest>& files) {
  std::vector<std::string> paths;
  for (const auto& [path, digest] : files) {
    BANTAM_RETURN_IF_ERROR(CheckRemotePath(path, "files"));
    paths.push_back(path);
  }
  BANTAM_TRY(const FileChoice choice, ChooseFiles(paths, "", name));
  if (choice.gguf && choice.paths.size() != paths.size()) {
    const auto spare = std::ranges::find_if(
        paths, [&](const std::string& path) { return std::ranges::find(choice.paths, path) == choice.paths.end(); });
    return Err(ErrorCode::kUnsupported,
               "\"{}\" is no part of {}: a model is one GGUF file, all the parts of one that was split, or a folder of "
               "safetensors",
               EscapeForTerminal(*spare), EscapeForTerminal(choice.paths.front()));
  }
  Chosen chosen;
  for (const std::string& path : choice.paths) {
    const FileDigest& digest = files.at(path);
    const Path blob = BlobOf(store, digest);
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(blob, error);
    if (error) {
      return Err(ErrorCode::kNotFound, "the blob {}{} of \"{}\" is not here: send it first, to POST /api/blobs/{}{}",
                 kPrefix, digest.hex, EscapeForTerminal(path), kPrefix, digest.hex);
    }
    RemoteFile file;
    file.path = choice.gguf ? path.substr(path.rfind('/') + 1) : path;
    file.size = size;
    file.digest = digest;
    chosen.files.push_back(std::move(file));
    chosen.blobs.push_back(blob);
  }
  return chosen;
}

// Whoever sent the files knows them by their paths in the model.
Error WithoutFolder(Error error, const Path& folder) {
  const std::string prefix = folder.string() + "/";
  for (size_t at = 0; (at = error.message.find(prefix, at)) != std::string::npos;)
    error.message.erase(at, prefix.size());
  return error;
}

}  // namespace

Result<std::string> CreateModel(std::string_view wanted, const std::map<std::string, FileDigest>& files,
                                const CreateOptions& options) {
  BANTAM_TRY(const Path store, StoreFolder(options.store));
  BANTAM_TRY(const std::string name, NewModelName(wanted));
  BANTAM_TRY(const Chosen chosen, Choose(store, name, files));
  BANTAM_RETURN_IF_ERROR(MakeFolders(store));
  BANTAM_TRY(Staging staging, Staging::Open(store, name, {}, options.stop));
  BANTAM_TRY(const bool there, IsThere(store, name));
  const Status made = [&]() -> Status {
    ModelManifest manifest;
    manifest.name = name;
    manifest.source = kSource;
    for (size_t i = 0; i < chosen.files.size(); ++i) {
      const RemoteFile& file = chosen.files[i];
      const Path part = staging.PartOf(file.digest);
      if (staging.HaveOf(file) != file.size) {
        BANTAM_RETURN_IF_ERROR(RemoveTree(part));
        BANTAM_RETURN_IF_ERROR(LinkOrCopy(chosen.blobs[i], part));
      }
      manifest.files[file.path] = {file.size, file.digest.hex};
    }
    BANTAM_RETURN_IF_ERROR(staging.Arrange(chosen.files));
    BANTAM_TRY(const ModelFolder opened, OpenModelFolder(staging.model()));
    manifest.parameters = CountParameters(opened);
    BANTAM_RETURN_IF_ERROR(WriteManifest(staging.model(), manifest));
    if (options.approve) BANTAM_RETURN_IF_ERROR(options.approve(name, staging.model()));
    return staging.Publish(there);
  }();
  if (!made) {
    (void)RemoveTree(Staging::FolderOf(store, name)).has_value();
    return WithoutFolder(made.error(), staging.model());
  }
  // The model has them now; a blob that stays would only take its name in the folder.
  for (const Path& blob : chosen.blobs) ::unlink(blob.c_str());
  return name;
}

}  // namespace bantam
