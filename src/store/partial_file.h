// A file that is being fetched: what is there of it, and the entity tag under which the server gave it, beside it in
// NAME.etag. Survives the process, so that the next one goes on where this one was cut off.
#pragma once

#include "base/file_io.h"
#include "store/remote_file.h"

namespace bantam {

class PartialFile {
 public:
  // Opens or creates; reads and hashes what is there. More bytes than `size`: it begins anew. Asks the system to keep
  // room for all of it: kOutOfDisk here rather than in the middle.
  static Result<PartialFile> Open(const Path& path, uint64_t size, const FileDigest& digest);

  uint64_t done() const { return done_; }
  uint64_t size() const { return size_; }
  bool complete() const { return done_ == size_; }

  Status Append(std::string_view bytes);  // at most size() - done()
  Status StartOver();
  Status Sync();
  // Of all bytes; the hash begins anew with StartOver.
  FileHasher::Digests Finish() { return hasher_->Finish(); }
  void Remove();  // the file and its tag

  // A strong entity tag that `origin` gave, or empty.
  std::string TagOf(std::string_view origin) const { return origin == tag_origin_ ? tag_ : std::string(); }
  void SetTag(std::string_view origin, std::string_view tag);

 private:
  PartialFile(Path path, UniqueFd fd, uint64_t size, FileDigest digest)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size), digest_(std::move(digest)) {}
  Status ReadWhatIsThere();
  void ReadTag();
  Path TagPath() const { return path_.string() + ".etag"; }

  Path path_;
  UniqueFd fd_;
  uint64_t size_ = 0, done_ = 0;
  FileDigest digest_;
  std::unique_ptr<FileHasher> hasher_;
  std::string tag_origin_, tag_;
};

}  // namespace bantam
