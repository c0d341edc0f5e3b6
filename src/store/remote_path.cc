#include "store/remote_path.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxPathBytes = 1024, kMaxPartBytes = 255;

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Where the path begins: after "scheme://host:port".
size_t EndOfOrigin(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return 0;
  return std::min(url.find_first_of("/?#", scheme + 3), url.size());
}

bool IsLocalV4(uint32_t address) {
  const uint32_t first = address >> 24;
  return first == 127 || first == 0 || (address >> 16) == 0xA9FE;
}

}  // namespace

Status CheckRemotePath(std::string_view path, std::string_view where) {
  const auto refuse = [&](std::string_view why) {
    return Err(ErrorCode::kCorrupt, "{}: the file name \"{}\" {}", where, EscapeForTerminal(path), why);
  };
  if (path.empty() || path.size() > kMaxPathBytes) return refuse("has no or too many characters");
  if (FirstInvalidUtf8(path)) return refuse("is not UTF-8");
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\'; };
  if (std::any_of(path.begin(), path.end(), control)) return refuse("holds a backslash or a control character");
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxPartBytes) {
      return refuse("leads out of the model's folder, or is none");
    }
    begin = end + 1;
  }
  if (path == "bantam.json" || path.starts_with("packed/")) return refuse("is one that bantam itself uses");
  return Ok();
}

std::string PercentEncode(std::string_view text, bool keep_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slash && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string ShownUrl(std::string_view url) {
  return EscapeForTerminal(url.substr(0, std::min(url.find_first_of("?#"), url.size())), 300);
}

std::string ResolveUrl(std::string_view url, std::string_view location) {
  location = location.substr(0, location.find('#'));
  url = url.substr(0, url.find('#'));
  const size_t scheme = location.find("://");
  if (scheme != std::string_view::npos && scheme < location.find_first_of("/?")) return std::string(location);
  if (location.starts_with("//")) return std::string(url.substr(0, url.find("://") + 1)).append(location);
  const size_t origin = EndOfOrigin(url);
  if (location.starts_with('/')) return std::string(url.substr(0, origin)).append(location);
  const size_t path_end = std::min(url.find('?'), url.size());
  if (location.starts_with('?')) return std::string(url.substr(0, path_end)).append(location);
  const size_t slash = url.substr(0, path_end).rfind('/');
  const size_t keep = slash == std::string_view::npos || slash < origin ? origin : slash;
  return std::string(url.substr(0, keep)).append("/").append(location);
}

std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view host = url.substr(begin, EndOfOrigin(url) - std::min(begin, EndOfOrigin(url)));
  if (host.starts_with('[')) return LowerCase(host.substr(1, host.find(']') - 1));
  return LowerCase(host.substr(0, host.find(':')));
}

bool IsLocalHost(const std::string& host) {
  std::string name = host;
  if (name.ends_with('.')) name.pop_back();
  if (name == "localhost" || name.ends_with(".localhost")) return true;
  in_addr v4{};
  // inet_aton, not inet_pton: resolvers take 0x7f.1 and 2130706433 for addresses too.
  if (::inet_aton(name.c_str(), &v4) != 0) return IsLocalV4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, name.substr(0, name.find('%')).c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6)) return true;
  if (!IN6_IS_ADDR_V4MAPPED(&v6)) return false;
  uint32_t mapped = 0;
  for (int i = 12; i < 16; ++i) mapped = mapped << 8 | v6.s6_addr[i];
  return IsLocalV4(mapped);
}

}  // namespace bantam
