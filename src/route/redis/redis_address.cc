#include <algorithm>
#include <charconv>

#include "base/text_util.h"
#include "route/redis/redis_connection.h"

namespace bantam {
namespace {

constexpr std::string_view kForms =
    "write redis://HOST:PORT/DB, rediss:// for TLS, or unix:///PATH?db=DB; user and password as in "
    "redis://USER:PASSWORD@HOST";

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned char byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc() || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::optional<int> Number(std::string_view text, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > most) return std::nullopt;
  return number;
}

// A name or an address, nothing that means more to whoever takes it apart again.
bool IsHost(std::string_view host) {
  const bool v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (v6) host = host.substr(1, host.size() - 2);
  return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_' || (v6 && c == ':');
  });
}

Status ReadPlace(std::string_view place, RedisAddress& address) {
  const size_t slash = place.find('/');
  std::string_view host = place.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < place.size()) {
    const auto database = Number(place.substr(slash + 1), 9'999);
    if (!database) return Err(ErrorCode::kInvalidArgument, "what follows the port is not the number of a database");
    address.database = *database;
  }
  address.stream.port = 6379;
  const size_t colon = host.find(':', host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0);
  if (colon != std::string_view::npos) {
    const auto port = Number(host.substr(colon + 1), 65'535);
    if (!port || *port == 0) return Err(ErrorCode::kInvalidArgument, "its port is not a number from 1 to 65535");
    address.stream.port = *port;
    host = host.substr(0, colon);
  }
  if (!IsHost(host)) return Err(ErrorCode::kInvalidArgument, "it names no host; {}", kForms);
  address.stream.host = host;
  address.shown =
      fmt::format("redis{}://{}:{}/{}", address.stream.tls ? "s" : "", host, address.stream.port, address.database);
  return Ok();
}

Status ReadPath(std::string_view place, RedisAddress& address) {
  const size_t question = place.find('?');
  if (question != std::string_view::npos) {
    const std::string_view query = place.substr(question + 1);
    const auto database = query.starts_with("db=") ? Number(query.substr(3), 9'999) : std::nullopt;
    if (!database) return Err(ErrorCode::kInvalidArgument, "behind the path only ?db=NUMBER may stand");
    address.database = *database;
  }
  const std::string_view path = place.substr(0, question);
  if (path.size() < 2 || path[0] != '/' || path.size() > 107)
    return Err(ErrorCode::kInvalidArgument, "its path is not an absolute one of at most 107 bytes; {}", kForms);
  address.stream.unix_path = path;
  address.shown = fmt::format("unix://{} database {}", EscapeForTerminal(path, 120), address.database);
  return Ok();
}

}  // namespace

bool RedisAddress::operator==(const RedisAddress& other) const {
  return shown == other.shown && user == other.user && password == other.password &&
         stream.ca_file == other.stream.ca_file && lookup_timeout == other.lookup_timeout;
}

Result<RedisAddress> ParseRedisUrl(std::string_view url) {
  RedisAddress address;
  const bool local = url.starts_with("unix://");
  address.stream.tls = url.starts_with("rediss://");
  if (!local && !address.stream.tls && !url.starts_with("redis://"))
    return Err(ErrorCode::kInvalidArgument, "it is none of a Redis; {}", kForms);
  std::string_view rest = url.substr(url.find("://") + 3);
  const auto unsafe = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; };
  if (std::any_of(rest.begin(), rest.end(), unsafe))
    return Err(ErrorCode::kInvalidArgument, "it holds a space or a control character; write %20 for a space");
  // The last '@' before the path: a password may hold one, though it should be written %40.
  const size_t at = rest.substr(0, local ? rest.find("@/") + 1 : rest.find('/')).rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view who = rest.substr(0, at);
    const size_t colon = who.find(':');
    const auto user = Decode(who.substr(0, colon));
    const auto password = Decode(colon == std::string_view::npos ? std::string_view() : who.substr(colon + 1));
    if (!user || !password)
      return Err(ErrorCode::kInvalidArgument, "a % in its user name or password is not followed by two digits");
    if (password->empty())
      return Err(ErrorCode::kInvalidArgument, "it names a user without a password; write USER:PASSWORD@ or :PASSWORD@");
    address.user = *user;
    address.password = *password;
    rest.remove_prefix(at + 1);
  }
  BANTAM_RETURN_IF_ERROR(local ? ReadPath(rest, address) : ReadPlace(rest, address));
  return address;
}

}  // namespace bantam
