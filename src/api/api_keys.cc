#include "api/api_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/base64.h"
#include "base/text_util.h"
#include "route/yaml_node.h"
#include "route/yaml_reader.h"

namespace bantam {
namespace {

constexpr uint64_t kMostBytes = uint64_t{4} << 20;
constexpr int64_t kMostRequests = 1'000'000'000;

// What follows a scheme of the header Authorization, which is written in any case; nothing for another scheme.
std::optional<std::string_view> After(std::string_view value, std::string_view scheme) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return std::nullopt;
  if (!std::ranges::equal(value.substr(0, scheme.size()), scheme, {}, lower)) return std::nullopt;
  value.remove_prefix(std::min(value.find_first_not_of(' ', scheme.size()), value.size()));
  return value;
}

// Of a header that holds nothing but the key.
std::string_view BareKeyOf(const HttpRequest& request) {
  const std::string_view key = request.Header("x-api-key");
  return key.empty() ? request.Header("api-key") : key;
}

// Empty: none was sent.
std::string KeyOf(const HttpRequest& request) {
  const std::string_view authorization = request.Header("authorization");
  if (const auto bearer = After(authorization, "bearer")) return std::string(*bearer);
  if (const auto basic = After(authorization, "basic")) {
    const auto pair = DecodeBase64(*basic);
    const size_t colon = pair ? pair->find(':') : std::string::npos;
    return colon == std::string::npos ? std::string() : pair->substr(colon + 1);
  }
  return std::string(BareKeyOf(request));
}

Error NoKey() {
  return Err(ErrorCode::kUnauthenticated, "this server asks for an API key: send \"Authorization: Bearer KEY\"");
}

bool SameDigest(const Sha256Digest& a, const Sha256Digest& b) {
  unsigned char different = 0;
  for (size_t i = 0; i < a.size(); ++i) different |= a[i] ^ b[i];
  return different == 0;
}

std::optional<Sha256Digest> DigestOfHex(std::string_view hex) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

ApiKey ReadKey(const YamlNode& node, size_t number, Problems& problems) {
  YamlMap map(node, fmt::format("key {}", number), problems);
  ApiKey key;
  if (!map.valid()) return key;
  key.name = map.RequiredText("name", "name it, for logs and limits");
  const std::string hex = map.RequiredText("sha256", "it is what 'bantam key new NAME' prints");
  if (const auto digest = DigestOfHex(hex)) {
    key.sha256 = *digest;
  } else if (!hex.empty()) {
    problems.Error(map.PlaceOf("sha256"),
                   "\"sha256\" is {} characters that are not 64 hexadecimal digits; write the hash of the key, not the "
                   "key itself: printf %s KEY | sha256sum",
                   hex.size());
  }
  key.admin = map.OneOf("role", {"user", "admin"}, "user") == "admin";
  key.requests_per_minute = static_cast<int>(map.Integer("requests_per_minute", 0, 0, kMostRequests));
  key.concurrent = static_cast<int>(map.Integer("concurrent", 0, 0, kMostRequests));
  map.Finish();
  return key;
}

}  // namespace

std::string_view CallerOf(const HttpRequest& request) {
  const std::string_view authorization = request.Header("authorization");
  return authorization.empty() ? BareKeyOf(request) : authorization;
}

Result<std::vector<ApiKey>> ReadApiKeys(const Path& file) {
  const auto text = ReadFile(file, kMostBytes);
  if (!text) return Err(ErrorCode::kBadConfig, "{}; 'bantam key new NAME --file FILE' makes one", text.error().message);
  Problems problems(file);
  const YamlParse yaml = ParseYaml(*text);
  for (const YamlProblem& problem : yaml.problems) problems.Error(problem.place, "{}", problem.text);
  if (!yaml.complete) return problems.AsError();
  std::vector<ApiKey> keys;
  YamlMap top(yaml.root, "the file of keys", problems);
  if (top.valid()) {
    std::set<std::string> names;
    const YamlNode* list = top.Sequence("keys");
    for (const YamlNode& node : list != nullptr ? list->items : std::vector<YamlNode>()) {
      ApiKey key = ReadKey(node, keys.size() + 1, problems);
      if (!key.name.empty() && !names.insert(key.name).second) {
        problems.Error(node.place, "a second key \"{}\"; give it another name", EscapeForTerminal(key.name));
      }
      keys.push_back(std::move(key));
    }
    if (keys.empty() && !problems.any()) {
      problems.Error(top.place(),
                     "there are no \"keys\", so nobody could ask anything; add one with 'bantam key new NAME'");
    }
    top.Finish();
  }
  if (problems.any()) return problems.AsError();
  return keys;
}

std::string ApiKeyEntry(const ApiKey& key) {
  std::string entry = fmt::format("  - name: \"{}\"\n    sha256: \"{}\"\n    role: {}\n", key.name, HexOf(key.sha256),
                                  key.admin ? "admin" : "user");
  if (key.requests_per_minute > 0) entry += fmt::format("    requests_per_minute: {}\n", key.requests_per_minute);
  if (key.concurrent > 0) entry += fmt::format("    concurrent: {}\n", key.concurrent);
  return entry;
}

void ApiKeys::Replace(std::vector<ApiKey> keys) {
  const std::scoped_lock lock(mutex_);
  std::vector<Entry> entries;
  for (ApiKey& key : keys) {
    const auto before = std::ranges::find(entries_, key.name, [](const Entry& entry) { return entry.key.name; });
    auto use = before != entries_.end() ? before->use : std::make_shared<Use>();
    entries.push_back({std::move(key), std::move(use)});
  }
  entries_ = std::move(entries);
}

const ApiKeys::Entry* ApiKeys::Find(const HttpRequest& request, const Sha256Digest& digest, bool management,
                                    Verdict& verdict) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (SameDigest(entry.key.sha256, digest)) found = &entry;
  }
  if (found == nullptr) {
    verdict.status = Err(ErrorCode::kUnauthenticated, "the API key is none of this server's");
    return nullptr;
  }
  verdict.key_name = found->key.name;
  if (!management || found->key.admin) return found;
  verdict.status = Err(ErrorCode::kForbidden,
                       "{} changes what is stored or served, which takes an admin's key; that of \"{}\" is a user's",
                       EscapeForTerminal(request.path), EscapeForTerminal(found->key.name));
  return nullptr;
}

ApiKeys::Verdict ApiKeys::Recognise(const HttpRequest& request, bool management) const {
  const std::string sent = KeyOf(request);
  if (sent.empty()) return {NoKey()};
  const Sha256Digest digest = Sha256Of(sent);
  Verdict verdict;
  const std::scoped_lock lock(mutex_);
  (void)Find(request, digest, management, verdict);
  return verdict;
}

ApiKeys::Verdict ApiKeys::Admit(const HttpRequest& request, bool management, MonotonicTime now) {
  const std::string sent = KeyOf(request);
  if (sent.empty()) return {NoKey()};
  const Sha256Digest digest = Sha256Of(sent);
  Verdict verdict;
  const std::scoped_lock lock(mutex_);
  const Entry* found = Find(request, digest, management, verdict);
  if (found == nullptr) return verdict;
  const ApiKey& key = found->key;
  Use& use = *found->use;
  if (key.concurrent > 0 && use.running >= key.concurrent) {
    return {Err(ErrorCode::kOverloaded, "{} requests of the key \"{}\" are being answered, which is its limit",
                use.running, EscapeForTerminal(key.name)),
            1, key.name};
  }
  if (key.requests_per_minute > 0) {
    // A bucket that holds a minute's worth, and fills as the minute goes.
    const auto most = static_cast<double>(key.requests_per_minute);
    const double per_second = most / 60;
    const double since = std::max(0.0, std::chrono::duration<double>(now - use.filled).count());
    use.tokens = use.tokens < 0 ? most : std::min(most, use.tokens + since * per_second);
    use.filled = now;
    if (use.tokens < 1) {
      return {Err(ErrorCode::kOverloaded, "the key \"{}\" may ask {} times a minute", EscapeForTerminal(key.name),
                  key.requests_per_minute),
              std::max(1, static_cast<int>(std::ceil((1 - use.tokens) / per_second))), key.name};
    }
    use.tokens -= 1;
  }
  if (key.concurrent > 0) {
    ++use.running;
    running_.emplace(request.request_id, found->use);
  }
  return {.key_name = key.name};
}

void ApiKeys::Finished(const HttpRequest& request) {
  const std::scoped_lock lock(mutex_);
  const auto running = running_.find(request.request_id);
  if (running == running_.end()) return;
  --running->second->running;
  running_.erase(running);
}

}  // namespace bantam
