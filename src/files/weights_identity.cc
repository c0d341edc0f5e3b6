#include "files/weights_identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "base/log.h"
#include "base/sha256.h"
#include "base/text_util.h"

namespace bantam {
namespace {

struct Part {
  Path path;
  UniqueFd fd;         // of a part whose hash nobody told
  std::string sha256;  // else
};

Result<std::string> Hash(const Part& part) {
  Sha256 hash;
  std::string buffer(size_t{1} << 20, '\0');
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(part.fd.get(), buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", part.path, errno);
    if (got == 0) return HexOf(hash.Finish());
    hash.Update({buffer.data(), static_cast<size_t>(got)});
    offset += got;
  }
}

}  // namespace

struct WeightsIdentity::State {
  mutable std::mutex mutex;
  std::vector<Part> parts;  // emptied once `sha256` is known
  std::string sha256;
};

Result<WeightsIdentity> WeightsIdentity::Of(const std::vector<Path>& weight_files,
                                            const std::optional<ModelManifest>& manifest) {
  WeightsIdentity identity;
  identity.state_ = std::make_shared<State>();
  bool all_told = true;
  for (const Path& path : weight_files) {
    Part part{.path = path, .fd = UniqueFd(), .sha256 = {}};
    const std::string name = path.filename().string();
    if (manifest && manifest->files.contains(name)) {
      const ManifestFile& told = manifest->files.at(name);
      std::error_code error;
      const uint64_t size = std::filesystem::file_size(path, error);
      if (!error && size == told.size) {
        part.sha256 = told.sha256;
      } else {
        Log(LogLevel::kWarning, "{} has {} bytes, its manifest says {}: was it replaced?",
            EscapeForTerminal(path.string(), 400), size, told.size);
      }
    }
    if (part.sha256.empty()) {
      all_told = false;
      part.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      if (!part.fd.valid()) return ErrnoError("open", path, errno);
    }
    identity.state_->parts.push_back(std::move(part));
  }
  if (all_told) BANTAM_RETURN_IF_ERROR(identity.Sha256());
  return identity;
}

WeightsIdentity WeightsIdentity::Known(std::string sha256) {
  WeightsIdentity identity;
  identity.state_ = std::make_shared<State>();
  identity.state_->sha256 = std::move(sha256);
  return identity;
}

bool WeightsIdentity::known() const {
  if (state_ == nullptr) return true;
  const std::lock_guard lock(state_->mutex);
  return !state_->sha256.empty();
}

Result<std::string> WeightsIdentity::Sha256() const {
  if (state_ == nullptr) return std::string();
  const std::lock_guard lock(state_->mutex);
  if (!state_->sha256.empty()) return state_->sha256;
  std::string lines, last;
  for (const Part& part : state_->parts) {
    last = part.sha256;
    if (last.empty()) {
      BANTAM_TRY(last, Hash(part));
    }
    lines += part.path.filename().string() + " " + last + "\n";
  }
  state_->sha256 = state_->parts.size() == 1 ? last : Sha256Hex(lines);
  state_->parts.clear();
  return state_->sha256;
}

}  // namespace bantam
