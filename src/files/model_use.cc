#include "files/model_use.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/text_util.h"

namespace bantam {

std::shared_ptr<const ModelUse> ModelUse::Begin(const Path& model) {
  UniqueFd fd(::open(model.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid() || ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) return nullptr;
  return std::make_shared<const ModelUse>(std::move(fd));
}

Result<std::shared_ptr<const ModelUse>> ModelUse::Exclude(const Path& model) {
  UniqueFd fd(::open(model.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoError("open", model, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Err(ErrorCode::kConflict, "{} is in use by a running process", EscapeForTerminal(model.string(), 400));
  }
  return std::make_shared<const ModelUse>(std::move(fd));
}

}  // namespace bantam
