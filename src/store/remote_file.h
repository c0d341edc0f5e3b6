// A file to fetch, and what its server says of it. A digest is what makes it worth fetching: without one nothing tells
// a whole file from a broken one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/sha1.h"
#include "base/sha256.h"
#include "net/http_client.h"

namespace bantam {

struct FileDigest {
  enum class Kind { kSha256, kGitBlob };  // git's: SHA-1 over "blob SIZE\0" and the bytes
  Kind kind = Kind::kSha256;
  std::string hex;  // 64 or 40 lower-case digits

  bool operator==(const FileDigest&) const = default;
  std::string_view name() const { return kind == Kind::kSha256 ? "sha256" : "git sha1"; }
  std::string FileName() const { return (kind == Kind::kSha256 ? "sha256-" : "git-") + hex; }
};

// Nothing unless `hex` is as many lower-case digits as the kind has.
std::optional<FileDigest> MakeDigest(FileDigest::Kind kind, std::string_view hex);

struct RemoteFile {
  std::string path;  // inside the model's folder; checked by CheckRemotePath
  std::string url;
  std::string authorization;  // as FetchRequest
  std::string ca_file = {};   // as FetchRequest
  uint64_t size = 0;
  FileDigest digest;
  // What an answer that is no success means to this kind of server; null: its status.
  std::function<Error(const IncomingResponse& response, std::string_view url)> refusal = {};
};

// Both digests of a file as its bytes pass by: ours, which the manifest gets, and its server's.
class FileHasher {
 public:
  FileHasher(const FileDigest& expected, uint64_t size);
  void Update(std::string_view bytes);
  struct Digests {
    std::string sha256, told;  // `told`: of the expected kind
  };
  Digests Finish();  // once

 private:
  Sha256 sha256_;
  std::optional<Sha1> git_;
};

// The sha256 of a file that has the expected size and digest; nothing when it has not, or is not there.
std::optional<std::string> HashIfEqual(const Path& path, uint64_t size, const FileDigest& expected);

}  // namespace bantam
