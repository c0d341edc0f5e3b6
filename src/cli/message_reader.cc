#include "cli/message_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_io.h"
#include "cli/text_output.h"

namespace bantam::cli {
namespace {

constexpr size_t kMaxMessageBytes = size_t{64} << 20;
constexpr int kTurnMs = 100;
constexpr std::string_view kQuotes = R"(""")";

}  // namespace

Result<std::optional<std::string>> MessageReader::Line(const std::string& prompt) {
  BANTAM_RETURN_IF_ERROR(WriteAll(STDERR_FILENO, prompt, "standard error"));
  while (true) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return std::optional(std::move(line));
    }
    if (buffer_.size() > kMaxMessageBytes)
      return Err(ErrorCode::kTooLarge, "standard input: a line of more than 64 MiB");
    // Waits in short turns: a Ctrl-C that comes just before a read would not end that.
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&input, 1, kTurnMs);
    if (InterruptGuard::Interrupted()) {
      InterruptGuard::Forget();
      interrupted_ = true;
      buffer_.clear();
      return std::optional(std::string());
    }
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char bytes[1 << 14];
    const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", "standard input", errno);
    if (got == 0) {
      if (buffer_.empty()) return std::optional<std::string>();
      return std::optional(std::exchange(buffer_, {}));  // a last line without its end
    }
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

Result<std::optional<std::string>> MessageReader::Next(const std::string& prompt) {
  interrupted_ = false;
  BANTAM_TRY(std::optional<std::string> line, Line(prompt));
  if (!line) return line;
  const size_t open = line->find(kQuotes);
  // Only at the beginning of a message, or of what a command is given: elsewhere they are part of the text.
  if (open == std::string::npos || (open > 0 && !line->starts_with('/'))) return line;
  std::string text = line->substr(0, open), rest = line->substr(open + kQuotes.size());
  while (true) {
    if (const size_t close = rest.rfind(kQuotes); close != std::string::npos && close + kQuotes.size() == rest.size()) {
      return std::optional(text + rest.substr(0, close));
    }
    text += rest + "\n";
    if (text.size() > kMaxMessageBytes)
      return Err(ErrorCode::kTooLarge, "standard input: a message of more than 64 MiB");
    BANTAM_TRY(std::optional<std::string> more, Line("... "));
    if (!more) return std::optional(std::move(text));
    if (interrupted_) return more;
    rest = *std::move(more);
  }
}

}  // namespace bantam::cli
