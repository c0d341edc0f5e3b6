// A model whose files come from a client, not from a server that we ask: each is sent by its digest first and waits in
// STORE/.blobs, then a model is made of those that it names. What nobody made a model of for a day is removed.
//
//   BlobUpload upload(digest, size);
//   BANTAM_RETURN_IF_ERROR(upload.Write(bytes));     // as often as it takes
//   BANTAM_RETURN_IF_ERROR(upload.Finish());
//   BANTAM_RETURN_IF_ERROR(CreateModel("tiny", {{"tiny.gguf", digest}}, {}));
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/file_io.h"
#include "base/sha256.h"
#include "store/remote_file.h"

namespace bantam {

// "sha256:" and 64 lower-case hex digits; anything else is kInvalidArgument, so that a name is never a path.
Result<FileDigest> ParseBlobName(std::string_view name);

// Whether a file with this digest waits for its model. `store`: another folder than $BANTAM_HOME/models, here as below.
bool HasBlob(const FileDigest& digest, const std::optional<Path>& store = {});

// One file on its way. Nothing is kept of it without Finish.
class BlobUpload {
 public:
  // size: bytes that are said to come; nothing: they say so themselves. The disk is not touched yet.
  BlobUpload(FileDigest digest, std::optional<uint64_t> size, std::optional<Path> store = {});
  ~BlobUpload();
  BlobUpload(const BlobUpload&) = delete;
  BlobUpload& operator=(const BlobUpload&) = delete;

  // kOutOfDisk before the disk is full, and before anything is written where `size` tells.
  Status Write(std::string_view bytes);
  // kInvalidArgument where the bytes have another digest.
  Status Finish();

 private:
  Status Open();
  Status CheckSpace(uint64_t wanted) const;

  const FileDigest digest_;
  const std::optional<uint64_t> size_;
  std::optional<Path> store_;
  Path part_;
  UniqueFd fd_;
  Sha256 hash_;
  uint64_t written_ = 0;
};

struct CreateOptions {
  std::optional<Path> store = {};
  // Asked before the model appears in the store; an error leaves the store as it was.
  std::function<Status(const std::string& name, const Path& folder)> approve = {};
  std::stop_token stop = {};  // where another process is at a model of this name: no longer waited for
};

// files: by the paths that they have in the model, a GGUF file or a folder of safetensors. A model of the name that was
// made so before is replaced. kNotFound for a blob that is not there, kConflict where another model has the name,
// kUnsupported and kCorrupt for files that are no model. -> its name in the store.
Result<std::string> CreateModel(std::string_view name, const std::map<std::string, FileDigest>& files,
                                const CreateOptions& options);

}  // namespace bantam
