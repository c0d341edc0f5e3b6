#include "api/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text_util.h"

namespace bantam {
namespace {

bool IsTokenChar(char c) {  // RFC 9110 section 5.6.2
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// %41 -> A. Encoded NUL, malformed escapes and ill-formed UTF-8 are refused. Paths are compared with the route table
// and with the names of loaded models, never joined to a folder, so ".." has no meaning here.
bool DecodePath(std::string_view raw, std::string& out) {
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out.push_back(raw[i]);
      continue;
    }
    if (i + 2 >= raw.size()) return false;
    const int high = HexDigit(raw[i + 1]), low = HexDigit(raw[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    const char byte = static_cast<char>(high * 16 + low);
    out.push_back(byte);
    i += 2;
  }
  return !FirstInvalidUtf8(out).has_value();
}

std::optional<HeadProblem> ParseRequestLine(std::string_view line, RequestHead& head) {
  if (line.size() > kMaxRequestLineBytes) return HeadProblem{414, "the request line is longer than 8 KiB"};
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || first == 0 || line.find(' ', second + 1) != std::string_view::npos) {
    return HeadProblem{400, "malformed request line"};
  }
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, second - first - 1),
                         version = line.substr(second + 1);
  if (!std::all_of(method.begin(), method.end(), IsTokenChar) || method.size() > 32) {
    return HeadProblem{400, "malformed method"};
  }
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else {
    return HeadProblem{version.starts_with("HTTP/") ? 505 : 400, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  }
  if (target.empty() || target[0] != '/') return HeadProblem{400, "the request target must start with '/'"};
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return HeadProblem{400, "control character in the target"};
  }
  head.method = method;
  const size_t question = target.find('?');
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  if (!DecodePath(target.substr(0, question), head.path))
    return HeadProblem{400, "malformed percent-encoding in the path"};
  return std::nullopt;
}

std::optional<HeadProblem> CheckFraming(RequestHead& head, int hosts, std::string_view host_value) {
  if (hosts > 1) return HeadProblem{400, "more than one Host header"};
  if (hosts == 0 && head.minor_version == 1) return HeadProblem{400, "HTTP/1.1 requires a Host header"};
  if (hosts == 1) {
    head.host = HostOfHeader(host_value);
    if (head.host.empty()) return HeadProblem{400, "malformed Host header"};
  }
  int lengths = 0, codings = 0, authorizations = 0;
  for (const auto& [name, value] : head.headers) {
    if (name == "content-length") {
      ++lengths;
      uint64_t length = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (value.empty() || value.size() > 19 || value[0] == '+' || error != std::errc() ||
          end != value.data() + value.size()) {
        return HeadProblem{400, "Content-Length must be one plain decimal number"};
      }
      head.content_length = length;
    } else if (name == "transfer-encoding") {
      ++codings;
      if (Lower(value) != "chunked") return HeadProblem{400, "the only Transfer-Encoding accepted is \"chunked\""};
      head.chunked = true;
    } else if (name == "authorization") {
      ++authorizations;
    } else if (name == "content-encoding") {
      if (Lower(value) != "identity")
        return HeadProblem{415, "compressed request bodies are not accepted; send plain JSON"};
    } else if (name == "expect") {
      if (Lower(value) != "100-continue") return HeadProblem{417, "unknown Expect header"};
      head.expects_continue = head.minor_version == 1;
    } else if (name == "connection") {
      const std::string lower = Lower(value);
      if (lower.find("close") != std::string::npos) head.keep_alive = false;
      if (head.minor_version == 0 && lower.find("keep-alive") != std::string::npos) head.keep_alive = true;
    }
  }
  if (lengths > 1) return HeadProblem{400, "more than one Content-Length header"};
  if (codings > 1) return HeadProblem{400, "more than one Transfer-Encoding header"};
  if (authorizations > 1) return HeadProblem{400, "more than one Authorization header"};
  if (codings > 0 && lengths > 0) return HeadProblem{400, "both Content-Length and Transfer-Encoding"};
  if (codings > 0 && head.minor_version == 0) return HeadProblem{400, "Transfer-Encoding in an HTTP/1.0 request"};
  return std::nullopt;
}

}  // namespace

std::optional<HeadProblem> ParseRequestHead(std::string_view bytes, RequestHead& head) {
  size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return HeadProblem{400, "malformed request line"};
  if (auto problem = ParseRequestLine(bytes.substr(0, end), head)) return problem;
  head.keep_alive = head.minor_version == 1;
  int hosts = 0;
  std::string host_value;
  size_t at = end + 2;
  while (true) {
    end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return HeadProblem{400, "the header section does not end"};
    const std::string_view line = bytes.substr(at, end - at);
    at = end + 2;
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') return HeadProblem{400, "folded header lines are not accepted"};
    if (head.headers.size() == kMaxHeaders) return HeadProblem{431, "more than 64 headers"};
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos)
      return HeadProblem{400, "a header line without a name and a colon"};
    const std::string_view name = line.substr(0, colon), value = Trim(line.substr(colon + 1));
    if (!std::all_of(name.begin(), name.end(), IsTokenChar)) return HeadProblem{400, "malformed header name"};
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7F) return HeadProblem{400, "control character in a header value"};
    }
    head.headers.emplace_back(Lower(name), value);
    if (head.headers.back().first == "host") {
      ++hosts;
      host_value = value;
    }
  }
  return CheckFraming(head, hosts, host_value);
}

std::string HostOfHeader(std::string_view value) {
  std::string_view host = value, port;
  if (value.starts_with('[')) {
    const size_t close = value.find(']');
    if (close == std::string_view::npos) return {};
    host = value.substr(1, close - 1);
    port = value.substr(close + 1);
    if (!std::all_of(host.begin(), host.end(), [](char c) { return HexDigit(c) >= 0 || c == ':' || c == '.'; }))
      return {};
  } else {
    const size_t colon = value.find(':');
    host = value.substr(0, colon);
    if (colon != std::string_view::npos) port = value.substr(colon);
    const auto fine = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
             c == '_';
    };
    if (!std::all_of(host.begin(), host.end(), fine)) return {};
  }
  if (!port.empty()) {
    if (port[0] != ':' || port.size() > 6) return {};
    if (!std::all_of(port.begin() + 1, port.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};
  }
  return Lower(host);
}

bool IsLoopbackHost(std::string_view host, const std::vector<std::string>& allowed) {
  if (host == "localhost" || host == "::1") return true;
  if (std::find(allowed.begin(), allowed.end(), host) != allowed.end()) return true;
  // 127.a.b.c with plain decimal parts, nothing before or after.
  if (!host.starts_with("127.")) return false;
  int parts = 0;
  size_t begin = 0;
  while (begin <= host.size()) {
    const size_t dot = std::min(host.find('.', begin), host.size());
    unsigned part = 256;
    const auto [stop, error] = std::from_chars(host.data() + begin, host.data() + dot, part);
    if (error != std::errc() || stop != host.data() + dot || part > 255) return false;
    ++parts;
    begin = dot + 1;
  }
  return parts == 4;
}

}  // namespace bantam
