// The folder in which a model is gathered before it becomes part of the store: STORE/.NAME.pulling, locked by one
// process at a time. Partial files live in it until they are whole, so that a later pull goes on with them; a model
// appears under its name by one rename, or takes the place of its older self by one exchange.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "base/file_io.h"
#include "store/remote_file.h"

namespace bantam {

class Staging {
 public:
  // Waits while another process has it; `on_wait` is called once then. kCancelled when `stop` is requested.
  static Result<Staging> Open(const Path& store, const std::string& name, const std::function<void()>& on_wait,
                              const std::stop_token& stop);
  // Where it would be.
  static Path FolderOf(const Path& store, const std::string& name) { return store / ("." + name + ".pulling"); }

  // The partial file of a digest: two files of the same bytes are fetched once.
  Path PartOf(const FileDigest& digest) const { return folder_ / "parts" / digest.FileName(); }
  // Bytes there are of it.
  uint64_t HaveOf(const RemoteFile& file) const;

  // The whole parts at their paths, and nothing else beside them. `files` have distinct paths.
  Status Arrange(const std::vector<RemoteFile>& files);
  // What Arrange has made.
  Path model() const { return folder_ / "model"; }
  // The arranged folder under its name, in place of what is there if `replace`; then the staging folder goes.
  Status Publish(bool replace);

 private:
  Staging(Path store, std::string name, Path folder, UniqueFd lock)
      : store_(std::move(store)), name_(std::move(name)), folder_(std::move(folder)), lock_(std::move(lock)) {}
  Path store_;
  std::string name_;
  Path folder_;
  UniqueFd lock_;
};

// Bytes that a process without privileges may still write to the file system of `folder`.
Result<uint64_t> FreeBytes(const Path& folder);

// Gives `from` another name, without copying bytes where the file system can; with copying where it cannot.
Status LinkOrCopy(const Path& from, const Path& to);

// Whatever it holds. Links in it are removed, not followed.
Status RemoveTree(const Path& folder);

Status SyncFolder(const Path& folder);

}  // namespace bantam
