#include "store/remove_model.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/paths.h"
#include "base/text_util.h"
#include "files/model_use.h"
#include "store/staging.h"

namespace bantam {
namespace {

constexpr std::string_view kRemoved = ".removed-";

void Count(const Path& path, Removal& removal) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  const auto size = static_cast<uint64_t>(info.st_size);
  removal.size_bytes += size;
  if (info.st_nlink == 1) removal.freed_bytes += size;
}

void CountAll(Removal& removal) {
  std::error_code error;
  Count(removal.path, removal);
  for (std::filesystem::recursive_directory_iterator it(removal.path, error), end; !error && it != end;
       it.increment(error)) {
    Count(it->path(), removal);
  }
}

// What a removal that was killed left behind.
void Sweep(const Path& store) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(store, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(kRemoved)) continue;
    (void)RemoveTree(it->path()).has_value();
  }
}

// The lock of the pull that fills it, if none does.
Status ExcludePull(const Path& staging) {
  UniqueFd fd(::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("open", staging, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return Ok();
  return Err(ErrorCode::kConflict, "another process is pulling it: stop that one first");
}

}  // namespace

Result<Removal> PlanRemoval(std::string_view reference, const std::optional<Path>& folder) {
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  Removal removal;
  auto found = FindModel(reference, store);
  if (found) {
    removal.path = *std::move(found);
  } else {
    std::error_code ignored;
    const bool plain = CheckPlainName("the model's name", reference).has_value();
    const Path staging = Staging::FolderOf(store, std::string(reference));
    if (!plain || !std::filesystem::is_directory(staging, ignored)) return found.error();
    removal.path = staging;
    removal.partial = true;
  }
  removal.name = removal.partial                       ? std::string(reference)
                 : removal.path.extension() == ".gguf" ? removal.path.stem().string()
                                                       : removal.path.filename().string();
  CountAll(removal);
  return removal;
}

Result<Removal> RemoveModel(std::string_view reference, bool force, const std::optional<Path>& folder) {
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  Sweep(store);
  BANTAM_TRY(Removal removal, PlanRemoval(reference, store));
  if (removal.partial) {
    BANTAM_RETURN_IF_ERROR(ExcludePull(removal.path));
    BANTAM_RETURN_IF_ERROR(RemoveTree(removal.path));
    return removal;
  }
  auto alone = ModelUse::Exclude(removal.path);
  if (!alone && (!force || alone.error().code != ErrorCode::kConflict)) {
    if (alone.error().code != ErrorCode::kConflict) return alone.error();
    return Err(ErrorCode::kConflict,
               "model \"{}\" is loaded by a running bantam: stop that one first ('bantam ps' asks a server what it has "
               "loaded), or remove it all the same with --force",
               removal.name);
  }
  // Gone under its name at once, then piece by piece.
  const Path away = store / fmt::format("{}{}-{}", kRemoved, removal.name, ::getpid());
  BANTAM_RETURN_IF_ERROR(RemoveTree(away));
  if (::rename(removal.path.c_str(), away.c_str()) != 0) return ErrnoError("remove", removal.path, errno);
  BANTAM_RETURN_IF_ERROR(RemoveTree(away));
  BANTAM_RETURN_IF_ERROR(SyncFolder(store));
  return removal;
}

}  // namespace bantam
