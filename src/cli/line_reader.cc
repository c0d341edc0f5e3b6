#include "cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text_util.h"

namespace bantam::cli {
namespace {
constexpr size_t kReadBytes = size_t{1} << 18;
constexpr size_t kMaxLineBytes = size_t{16} << 20;
}  // namespace

Result<LineReader> LineReader::Open(const std::string& file) {
  const bool standard_input = file.empty() || file == "-";
  UniqueFd owned;
  if (!standard_input) {
    owned = UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!owned.valid()) return ErrnoError("open", file, errno);
  }
  const int fd = standard_input ? STDIN_FILENO : owned.get();
  struct stat info{};
  if (::fstat(fd, &info) != 0) return ErrnoError("inspect", standard_input ? "standard input" : file, errno);
  if (S_ISDIR(info.st_mode)) {
    return Err(ErrorCode::kInvalidArgument, "{} is a folder, expected a file of lines", EscapeForTerminal(file, 400));
  }
  const uint64_t size = S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
  return LineReader(std::move(owned), fd, standard_input ? "standard input" : file, size);
}

bool LineReader::WouldWait() const {
  pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, 0) == 0;
}

Status LineReader::Fill() {
  buffer_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > kMaxLineBytes) {
    return Err(ErrorCode::kTooLarge, "{}: a line of more than {}", EscapeForTerminal(name_, 400),
               HumanBytes(kMaxLineBytes));
  }
  const size_t had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  ssize_t got = 0;
  do got = ::read(fd_, buffer_.data() + had, kReadBytes);
  while (got < 0 && errno == EINTR);
  buffer_.resize(had + static_cast<size_t>(got < 0 ? 0 : got));
  if (got < 0) return ErrnoError("read", name_, errno);
  at_end_ = got == 0;
  return Ok();
}

Result<std::vector<std::string>> LineReader::Next(size_t limit) {
  std::vector<std::string> lines;
  while (lines.size() < limit) {
    const size_t end = buffer_.find('\n', searched_);
    const bool last = end == std::string::npos && at_end_ && begin_ < buffer_.size();
    if (end == std::string::npos && !last) {
      searched_ = buffer_.size();
      if (at_end_ || (!lines.empty() && WouldWait())) break;
      BANTAM_RETURN_IF_ERROR(Fill());
      continue;
    }
    const size_t stop = last ? buffer_.size() : end;
    std::string line = buffer_.substr(begin_, stop - begin_);
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    given_bytes_ += stop + (last ? 0 : 1) - begin_;
    begin_ = searched_ = stop + (last ? 0 : 1);
  }
  return lines;
}

double LineReader::Fraction() const {
  return size_bytes_ == 0 ? 0 : static_cast<double>(given_bytes_) / static_cast<double>(size_bytes_);
}

}  // namespace bantam::cli
