#include "store/copy_model.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/paths.h"
#include "base/text_util.h"
#include "store/staging.h"

namespace bantam {
namespace {

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

Status RenameToFree(const Path& from, const Path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return Ok();
  if (errno == EEXIST) return Err(ErrorCode::kConflict, "{} is there already", Printable(to));
  // File systems that cannot tell: whoever comes second loses, unless both come in this very moment.
  if (errno == EINVAL && ::rename(from.c_str(), to.c_str()) == 0) return Ok();
  return ErrnoError("rename to", to, errno);
}

// A link in the store leads to where it led before, wherever it is read from.
Status CopyEntry(const std::filesystem::directory_entry& entry, const Path& to, uint64_t& size_bytes) {
  std::error_code error;
  if (entry.is_symlink(error)) {
    const Path target = std::filesystem::canonical(entry.path(), error);
    if (!error) std::filesystem::create_symlink(target, to, error);
    if (error) return ErrnoError("copy the link", entry.path(), error.value());
    return Ok();
  }
  if (entry.is_directory(error)) {
    BANTAM_RETURN_IF_ERROR(MakeFolders(to));
    for (std::filesystem::directory_iterator it(entry.path(), error), end; !error && it != end; it.increment(error)) {
      BANTAM_RETURN_IF_ERROR(CopyEntry(*it, to / it->path().filename(), size_bytes));
    }
    if (error) return ErrnoError("list", entry.path(), error.value());
    return SyncFolder(to);
  }
  if (!entry.is_regular_file(error)) return Ok();  // a socket or a pipe is no part of a model
  size_bytes += entry.file_size(error);
  return LinkOrCopy(entry.path(), to);
}

}  // namespace

Result<CopiedModel> CopyModel(std::string_view source, std::string_view wanted, const std::optional<Path>& folder) {
  BANTAM_TRY(const Path store, folder ? Result<Path>(*folder) : ModelsFolder());
  BANTAM_TRY(const std::string name, NewModelName(wanted));
  BANTAM_TRY(const Path from, FindModel(source, store));
  std::error_code ignored;
  const bool file = !std::filesystem::is_directory(from, ignored);
  CopiedModel copy{.name = name, .path = store / (file ? name + ".gguf" : name)};
  for (const Path& taken : {store / name, store / (name + ".gguf")}) {
    if (std::filesystem::exists(std::filesystem::symlink_status(taken, ignored))) {
      return Err(ErrorCode::kConflict, "a model \"{}\" is there already ({}): remove it first with 'bantam rm {}'",
                 name, Printable(taken), name);
    }
  }
  const Path making = store / fmt::format(".{}.copying-{}", name, ::getpid());
  const Status made = [&]() -> Status {
    BANTAM_RETURN_IF_ERROR(RemoveTree(making));
    BANTAM_RETURN_IF_ERROR(CopyEntry(std::filesystem::directory_entry(std::filesystem::canonical(from, ignored)),
                                     making, copy.size_bytes));
    if (auto manifest = file ? Result<ModelManifest>(ModelManifest{}) : ReadManifest(from); manifest && !file) {
      manifest->name = name;
      manifest->reference.clear();  // it stays as it is: only the original follows what it was pulled from
      BANTAM_RETURN_IF_ERROR(WriteManifest(making, *manifest));
    }
    BANTAM_RETURN_IF_ERROR(RenameToFree(making, copy.path));
    return SyncFolder(store);
  }();
  if (!made) {
    (void)RemoveTree(making).has_value();
    return made.error();
  }
  return copy;
}

}  // namespace bantam
