#include "net/byte_stream.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text_util.h"
#include "net/curl_api.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

std::string NameOf(const StreamAddress& address) {
  if (!address.unix_path.empty()) return EscapeForTerminal(address.unix_path, 200);
  return fmt::format("{}:{}", EscapeForTerminal(address.host, 200), address.port);
}

// libcurl's "connect only": it opens the connection, TLS included, and hands over what goes through it.
class CurlStream final : public ByteStream {
 public:
  CurlStream(const CurlApi& curl, std::string name)
      : curl_(curl), name_(std::move(name)), easy_(curl.curl_easy_init()) {}
  ~CurlStream() override {
    if (easy_ != nullptr) curl_.curl_easy_cleanup(easy_);
  }

  Status Open(const StreamAddress& address, milliseconds timeout) {
    if (easy_ == nullptr) return Err(ErrorCode::kOutOfMemory, "not enough memory for a connection to {}", name_);
    std::array<char, CURL_ERROR_SIZE> reason{};
    const auto set = [&](CURLoption option, auto value) { curl_.curl_easy_setopt(easy_, option, value); };
    const std::string url = fmt::format("{}://{}:{}", address.tls ? "https" : "http",
                                        address.unix_path.empty() ? address.host : "localhost",
                                        address.unix_path.empty() ? address.port : 1);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_CONNECT_ONLY, 1L);
    set(CURLOPT_ERRORBUFFER, reason.data());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_SSL_ENABLE_ALPN, 0L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!address.ca_file.empty()) set(CURLOPT_CAINFO, address.ca_file.c_str());
    if (!address.unix_path.empty()) set(CURLOPT_UNIX_SOCKET_PATH, address.unix_path.c_str());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<milliseconds::rep>(1, timeout.count())));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<milliseconds::rep>(1, timeout.count())));
    const CURLcode code = curl_.curl_easy_perform(easy_);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return Err(ErrorCode::kDeadline, "{} cannot be reached: no connection within {} ms", name_, timeout.count());
    }
    if (code != CURLE_OK) {
      return Err(ErrorCode::kUnavailable, "cannot connect to {}: {}", name_,
                 EscapeForTerminal(reason[0] != '\0' ? reason.data() : curl_.curl_easy_strerror(code), 300));
    }
    curl_.curl_easy_getinfo(easy_, CURLINFO_ACTIVESOCKET, &socket_);
    if (socket_ == CURL_SOCKET_BAD) return Broken();
    return Ok();
  }

  Status Send(std::string_view bytes, MonotonicTime deadline) override {
    while (!bytes.empty()) {
      size_t sent = 0;
      const CURLcode code = curl_.curl_easy_send(easy_, bytes.data(), bytes.size(), &sent);
      if (code != CURLE_OK && code != CURLE_AGAIN) return Broken();
      bytes.remove_prefix(sent);
      if (sent == 0) BANTAM_RETURN_IF_ERROR(Wait(POLLOUT, deadline));
    }
    return Ok();
  }

  Result<size_t> Receive(std::span<char> into, MonotonicTime deadline) override {
    while (true) {
      BANTAM_TRY(const size_t got, ReceiveWhatIsThere(into));
      if (got > 0) return got;
      BANTAM_RETURN_IF_ERROR(Wait(POLLIN, deadline));
    }
  }

  Result<size_t> ReceiveWhatIsThere(std::span<char> into) override {
    size_t got = 0;
    const CURLcode code = curl_.curl_easy_recv(easy_, into.data(), into.size(), &got);
    if (code == CURLE_AGAIN) return size_t{0};
    if (code != CURLE_OK || got == 0) return Broken();
    return got;
  }

 private:
  Error Broken() const { return Err(ErrorCode::kUnavailable, "the connection to {} broke", name_); }

  // Microseconds count here: a wait in whole milliseconds would add one to each round trip's limit.
  Status Wait(short events, MonotonicTime deadline) const {
    pollfd wanted{.fd = static_cast<int>(socket_), .events = events, .revents = 0};
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - MonotonicNow()).count();
      if (left <= 0) return Err(ErrorCode::kDeadline, "{} does not answer in time", name_);
      const timespec time{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
      const int ready = ::ppoll(&wanted, 1, &time, nullptr);
      if (ready > 0) return Ok();
      if (ready < 0 && errno != EINTR) return Broken();
    }
  }

  const CurlApi& curl_;
  const std::string name_;
  CURL* const easy_;
  curl_socket_t socket_ = CURL_SOCKET_BAD;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> ByteStream::Connect(const StreamAddress& address, milliseconds timeout) {
  BANTAM_TRY(const CurlApi* curl, LoadCurl());
  auto stream = std::make_unique<CurlStream>(*curl, NameOf(address));
  BANTAM_RETURN_IF_ERROR(stream->Open(address, timeout));
  return std::unique_ptr<ByteStream>(std::move(stream));
}

}  // namespace bantam
