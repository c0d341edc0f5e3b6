// The head of an HTTP/1.1 request, checked more strictly than Beast 1.81 does, which accepts `Content-Length: 5, 5`,
// unknown transfer codings, folded headers, no or two Host headers, and hundreds of headers (RFC 9112; request
// smuggling).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bantam {

struct RequestHead {
  std::string method, path, query;
  int minor_version = 1;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, values trimmed
  std::string host;  // without the port; lower case; empty for HTTP/1.0 without Host
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  bool keep_alive = true;
};

// Why a head was refused: the connection is closed after the reply, because its framing cannot be trusted.
struct HeadProblem {
  int status = 400;
  std::string message;
};

inline constexpr size_t kMaxHeadBytes = 32 * 1024;
inline constexpr size_t kMaxRequestLineBytes = 8 * 1024;
inline constexpr size_t kMaxHeaders = 64;

// `bytes` ends with the empty line ("\r\n\r\n"). Fills `head`, or says what is wrong.
std::optional<HeadProblem> ParseRequestHead(std::string_view bytes, RequestHead& head);

// What a Host header names, without the port and in lower case: "localhost:8080", "[::1]:8080". Empty when malformed.
std::string HostOfHeader(std::string_view value);

// Whether a server bound to loopback may answer for this Host: localhost, 127.0.0.0/8, ::1, or one of `allowed`.
// Stops DNS rebinding: a web page whose name resolves to 127.0.0.1 still sends its own name.
bool IsLoopbackHost(std::string_view host, const std::vector<std::string>& allowed);

}  // namespace bantam
