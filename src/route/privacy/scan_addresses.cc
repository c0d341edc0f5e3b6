// E-mail and IP addresses.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

constexpr size_t kLongestLocal = 64, kLongestDomain = 253;

// Letters of Latin scripts beyond ASCII (U+00C0 to U+024F) are written in addresses; other scripts write on without a
// space, so that the address ends there.
bool IsLatinByte(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte >= 0xC3 && byte <= 0xC9) return at + 1 < text.size();
  if (byte < 0x80 || byte > 0xBF || at == 0) return false;
  const auto lead = static_cast<unsigned char>(text[at - 1]);
  return lead >= 0xC3 && lead <= 0xC9;
}

bool IsLocal(std::string_view text, size_t at) {
  return IsAlnum(text[at]) || std::string_view("._%+-'").find(text[at]) != std::string_view::npos ||
         IsLatinByte(text, at);
}
bool IsDomain(std::string_view text, size_t at) {
  return IsAlnum(text[at]) || text[at] == '.' || text[at] == '-' || IsLatinByte(text, at);
}

// A domain ends in letters after a dot: "1.2.3" of "package@1.2.3" is a version.
bool IsDomainName(std::string_view domain) {
  const size_t dot = domain.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || domain.find("..") != std::string_view::npos) return false;
  const std::string_view top = domain.substr(dot + 1);
  if (top.starts_with("xn--")) return true;
  return top.size() >= 2 && std::none_of(top.begin(), top.end(), [](char c) { return IsDigit(c) || c == '-'; });
}

bool IsHexOrColon(char c) { return IsDigit(c) || (Lower(c) >= 'a' && Lower(c) <= 'f') || c == ':'; }

void TakeIpv4(std::string_view text, size_t begin, size_t end, std::vector<PiiSpan>& spans) {
  const std::string address(text.substr(begin, end - begin));
  in_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) return;
  const uint32_t host = ntohl(parsed.s_addr);
  if (host == 0 || host == 0xFFFFFFFF || host >> 24 == 127) return;
  // "version 1.2.3.4", "section 1.2.3.4".
  if (ContextBefore(text, begin) == NumberContext::kVersion) return;
  spans.push_back({begin, end, PiiType::kIp});
}

void TakeIpv6(std::string_view text, size_t begin, size_t end, std::vector<PiiSpan>& spans) {
  const std::string address(text.substr(begin, end - begin));
  in6_addr parsed{};
  if (inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return;
  if (IN6_IS_ADDR_LOOPBACK(&parsed) || IN6_IS_ADDR_UNSPECIFIED(&parsed)) return;
  // "dead::beef" is more likely a name in a program.
  if (std::none_of(address.begin(), address.end(), IsDigit)) return;
  spans.push_back({begin, end, PiiType::kIp});
}

}  // namespace

void ScanEmails(std::string_view text, std::vector<PiiSpan>& spans) {
  size_t free = 0;  // where the last address ended
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    size_t begin = at;
    while (begin > free && at - begin < kLongestLocal && IsLocal(text, begin - 1)) --begin;
    // Quotation marks and dots around an address are not of it.
    while (begin < at && (text[begin] == '.' || text[begin] == '\'' || text[begin] == '-')) ++begin;
    if (begin == at || text[at - 1] == '.') continue;
    size_t end = at + 1;
    while (end < text.size() && end - at <= kLongestDomain && IsDomain(text, end)) ++end;
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
    if (!IsDomainName(text.substr(at + 1, end - at - 1))) continue;
    spans.push_back({begin, end, PiiType::kEmail});
    free = end;
  }
}

void ScanIps(std::string_view text, std::vector<PiiSpan>& spans) {
  // The longest address is 45 characters; a longer run holds none.
  constexpr size_t kLongest = 45;
  size_t at = 0;
  while (at < text.size()) {
    if (!IsHexOrColon(text[at])) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t dots = 0, colons = 0;
    while (at < text.size() && (IsHexOrColon(text[at]) || text[at] == '.')) {
      dots += text[at] == '.';
      colons += text[at] == ':';
      ++at;
    }
    size_t end = at;
    // "at 192.0.2.1." and "192.0.2.1:8080": what follows is not of the address.
    while (end > begin && (text[end - 1] == '.' || text[end - 1] == ':')) --end;
    if (dots == 3 && colons >= 1) {
      const size_t colon = text.find(':', begin);
      if (text.find('.', colon) > end) end = colon, colons = 0;
    }
    if (text.substr(begin, 2).starts_with(':') && !text.substr(begin).starts_with("::"))
      ++begin, --colons;  // "IP:192.0.2.1"
    const auto joins = [&](char c) { return IsAlnum(c) || c == '_'; };
    if (end <= begin || end - begin > kLongest) continue;
    if (begin > 0 && (joins(text[begin - 1]) || text[begin - 1] == '.')) continue;
    if (end == at && end < text.size() && joins(text[end])) continue;
    if (colons >= 2) {
      TakeIpv6(text, begin, end, spans);
    } else if (dots >= 3) {
      TakeIpv4(text, begin, end, spans);
    }
  }
}

}  // namespace bantam
