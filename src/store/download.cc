#include "store/download.h"

#include <charconv>
#include <condition_variable>
#include <mutex>

#include "base/text_util.h"
#include "store/fetch.h"
#include "store/remote_path.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestPause{16'000};
constexpr milliseconds kLongestRetryAfter{120'000};

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// "bytes 100-199/200" -> 100, if the rest fits `size`.
std::optional<uint64_t> RangeStart(std::string_view text, uint64_t size) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const std::string_view total = text.substr(slash + 1);
  if (total != "*" && ParseNumber(total) != size) return std::nullopt;
  return ParseNumber(text.substr(0, dash));
}

class Transfer {
 public:
  Transfer(HttpClient& client, const RemoteFile& file, PartialFile& partial, const DownloadOptions& options)
      : client_(client), file_(file), partial_(partial), options_(options) {}

  // Until the partial file has all its bytes.
  Status Run() {
    int retries = 0;
    while (!partial_.complete()) {
      const uint64_t before = partial_.done();
      const Status status = Attempt();
      if (status && partial_.complete()) break;
      if (options_.stop.stop_requested()) return Err(ErrorCode::kCancelled, "{} was stopped", file_.path);
      const Error error =
          status ? Error(Err(ErrorCode::kUnavailable, "{}: the connection ended early", ShownUrl(file_.url)))
                 : status.error();
      if (!passing_ && !status) return error;
      retries = partial_.done() > before ? 0 : retries;
      if (retries++ >= options_.max_retries) {
        return Err(error.code, "{}; {} of {} are there, the same command goes on from them", error.message,
                   HumanBytes(partial_.done()), HumanBytes(partial_.size()));
      }
      const milliseconds pause =
          std::max(std::min(kLongestPause, options_.first_pause * (1 << std::min(retries - 1, 10))), wanted_pause_);
      if (options_.on_retry) options_.on_retry(error, pause);
      BANTAM_RETURN_IF_ERROR(PauseUnlessStopped(pause, options_.stop));
    }
    return Ok();
  }

  // Whether all bytes came over one connection, begun by this call.
  bool in_one_piece() const { return attempts_ == 1 && from_start_; }

 private:
  Status Attempt() {
    ++attempts_;
    passing_ = true;
    wanted_pause_ = milliseconds(0);
    failure_.reset();
    const uint64_t begin = partial_.done();
    from_start_ = begin == 0;
    // Compressed on the way, positions would not be the file's.
    FetchRequest request{.url = file_.url, .headers = {{"Accept-Encoding", "identity"}}};
    request.authorization = file_.authorization;
    request.ca_file = file_.ca_file;
    request.max_response_bytes = static_cast<size_t>(file_.size) + (size_t{1} << 20);
    if (begin > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", begin));
      request.headers_for = [this](std::string_view origin) {
        const std::string tag = partial_.TagOf(origin);
        return tag.empty() ? HttpHeaders{} : HttpHeaders{{"If-Range", tag}};
      };
    }
    bool taking = false;
    FetchCallbacks callbacks;
    callbacks.on_head = [&](const Fetched& head) {
      const Status status = OnHead(head, begin);
      taking = status.has_value();
      if (!status) failure_ = status.error();
    };
    callbacks.on_body = [&](std::string_view piece) { return taking && OnBody(piece); };
    const auto fetched = Fetch(client_, request, callbacks, options_.stop);
    if (failure_) return *failure_;
    if (fetched) return Ok();
    passing_ = IsPassing(fetched.error());
    return fetched.error();
  }

  Status Fatal(Error error) {
    passing_ = false;
    return error;
  }

  Status OnHead(const Fetched& head, uint64_t begin) {
    const IncomingResponse& response = head.response;
    const std::string shown = ShownUrl(head.url);
    const std::string_view encoding = response.Header("content-encoding");
    if (!encoding.empty() && encoding != "identity") {
      return Fatal(Err(ErrorCode::kCorrupt, "{} sends the file compressed ({}), which was not asked for", shown,
                       EscapeForTerminal(encoding)));
    }
    const std::string_view tag = response.Header("etag");
    if (response.status == 200) {
      const auto length = ParseNumber(response.Header("content-length"));
      if (length && *length != file_.size) {
        return Fatal(Err(ErrorCode::kCorrupt, "{} has {} bytes, the list of files says {}: was it replaced meanwhile?",
                         shown, *length, file_.size));
      }
      from_start_ = true;
      if (begin > 0) {
        if (Status status = partial_.StartOver(); !status) return Fatal(status.error());
      }
      partial_.SetTag(head.origin, tag);
      return Ok();
    }
    if (response.status == 206 && begin > 0) {
      const std::string known = partial_.TagOf(head.origin);
      const bool changed = !known.empty() && !tag.empty() && tag != known;
      if (!changed && RangeStart(response.Header("content-range"), file_.size) == begin) {
        partial_.SetTag(head.origin, tag);
        return Ok();
      }
      if (Status status = partial_.StartOver(); !status) return Fatal(status.error());
      return Err(ErrorCode::kUnavailable, "{} sends another part of the file than was asked for", shown);
    }
    if (response.status == 416) {
      if (Status status = partial_.StartOver(); !status) return Fatal(status.error());
      return Err(ErrorCode::kUnavailable, "{} has no byte {} of the file", shown, begin);
    }
    // A signed address lives for minutes; the next attempt gets a new one.
    const bool expired = head.elsewhere && response.status >= 400 && response.status < 500;
    Error error = file_.refusal && !head.elsewhere
                      ? file_.refusal(response, file_.url)
                      : Err(ErrorCode::kUnavailable, "{} answers with status {}", shown, response.status);
    if (!expired && !IsPassingStatus(response.status)) return Fatal(std::move(error));
    wanted_pause_ = RetryAfter(response);
    if (wanted_pause_ > kLongestRetryAfter) {
      return Fatal(Err(ErrorCode::kOverloaded, "{} asks to come back in {} s", shown, wanted_pause_.count() / 1000));
    }
    return error;
  }

  bool OnBody(std::string_view piece) {
    if (piece.size() > partial_.size() - partial_.done()) {
      failure_ = Err(ErrorCode::kCorrupt, "{} sends more than the {} bytes that the list of files says",
                     ShownUrl(file_.url), file_.size);
      passing_ = false;
      return false;
    }
    if (Status status = partial_.Append(piece); !status) {
      failure_ = status.error();
      passing_ = false;
      return false;
    }
    if (options_.on_progress) options_.on_progress(partial_.done());
    return true;
  }

  HttpClient& client_;
  const RemoteFile& file_;
  PartialFile& partial_;
  const DownloadOptions& options_;
  int attempts_ = 0;
  bool passing_ = true, from_start_ = false;
  milliseconds wanted_pause_{0};
  std::optional<Error> failure_;
};

}  // namespace

Status PauseUnlessStopped(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return stop.stop_requested() ? Status(Err(ErrorCode::kCancelled, "stopped")) : Ok();
}

bool IsPassing(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadline;
}

bool IsPassingStatus(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

milliseconds RetryAfter(const IncomingResponse& response) {
  const auto seconds = ParseNumber(response.Header("retry-after"));
  return milliseconds(std::min<uint64_t>(seconds.value_or(0), 86'400) * 1000);
}

Result<std::string> Download(HttpClient& client, const RemoteFile& file, const Path& path,
                             const DownloadOptions& options) {
  BANTAM_TRY(PartialFile partial, PartialFile::Open(path, file.size, file.digest));
  if (options.on_progress) options.on_progress(partial.done());
  for (bool again = true;; again = false) {
    Transfer transfer(client, file, partial, options);
    BANTAM_RETURN_IF_ERROR(transfer.Run());
    BANTAM_RETURN_IF_ERROR(partial.Sync());
    FileHasher::Digests digests = partial.Finish();
    if (digests.told == file.digest.hex) return std::move(digests.sha256);
    if (again && !transfer.in_one_piece()) {
      // Parts of two versions, or an old part that was damaged: once more from the first byte.
      BANTAM_RETURN_IF_ERROR(partial.StartOver());
      continue;
    }
    partial.Remove();
    return Err(ErrorCode::kCorrupt,
               "{}: {} came with {} {}, expected {}: the server's copy is damaged, or something between changes it; "
               "nothing of it was kept",
               ShownUrl(file.url), EscapeForTerminal(file.path), file.digest.name(), digests.told, file.digest.hex);
  }
}

}  // namespace bantam
