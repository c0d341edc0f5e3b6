// The `cache` of a route file.
#include <array>

#include <fmt/format.h>

#include "base/text_util.h"
#include "route/route_file_reader.h"

namespace bantam {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Keys that mean something only with mode: exact_then_semantic.
constexpr std::array<const char*, 6> kSemanticKeys = {"similarity",    "verify",     "cross_encoder",
                                                      "max_wrong_hit", "audit_rate", "audit_similarity"};

void ReadChecks(YamlMap& map, SemanticCacheRule& rule, Problems& problems) {
  if (!map.Has("verify")) return;
  rule.pairs.checks = {};
  for (const auto& [name, place] : map.TextList("verify")) {
    if (const auto check = ParsePairCheck(name)) {
      rule.pairs.checks[static_cast<size_t>(*check)] = true;
    } else {
      problems.Error(place, "\"verify\" has no check \"{}\"; there are {}", EscapeForTerminal(name, 60),
                     fmt::join(kPairCheckNames, ", "));
    }
  }
}

void ReadCrossEncoder(YamlMap& map, SemanticCacheRule& rule, Problems& problems) {
  auto& wanted = rule.pairs.checks[static_cast<size_t>(PairCheck::kCrossEncoder)];
  if (const YamlNode* node = map.Map("cross_encoder")) {
    YamlMap model(*node, "\"cross_encoder\"", problems);
    rule.cross_encoder.model = model.RequiredText("model", "name a cross-encoder, as in: model: ./my-cross-encoder");
    rule.cross_encoder.min_score = model.Number("min_score", 0, 1).value_or(rule.cross_encoder.min_score);
    model.Finish();
    wanted = true;
  } else if (wanted) {
    problems.Error(map.PlaceOf("verify"),
                   "\"verify\" asks for a cross_encoder, and none is named; add cross_encoder: {{model: NAME}}");
  }
}

void ReadSemantic(YamlMap& map, RouteFileReading& reading) {
  SemanticCacheRule& rule = reading.file.semantic_cache.emplace();
  rule.pairs.similarity = map.Number("similarity", 0.3, 1).value_or(rule.pairs.similarity);
  ReadChecks(map, rule, reading.problems);
  ReadCrossEncoder(map, rule, reading.problems);
  rule.max_wrong_hit = map.Number("max_wrong_hit", kLeastMaxError, kMostMaxError).value_or(rule.max_wrong_hit);
  rule.audit_rate = map.Number("audit_rate", 0, 1).value_or(rule.audit_rate);
  rule.audit_similarity = map.Number("audit_similarity", 0.3, 1).value_or(rule.audit_similarity);
}

// Where several processes share it. Without the variable everything else works, as with the key of a model.
void ReadUrl(YamlMap& map, RouteFileReading& reading) {
  std::string url = map.Text("url");
  const std::string ca_file = map.Text("ca_file");
  const milliseconds lookup_timeout =
      map.Duration("lookup_timeout", RedisAddress().lookup_timeout, milliseconds(1), seconds(10));
  if (url.empty()) return;
  const YamlPlace place = map.PlaceOf("url");
  std::string said = "\"url\"";
  if (url.starts_with(kEnvironmentPrefix)) {
    const std::optional<std::string> name = EnvironmentName(url);
    if (!name) {
      reading.problems.Error(place, "\"{}\" names no environment variable; write os.environ/NAME",
                             EscapeForTerminal(url, 60));
      return;
    }
    reading.file.cache_in_memory = true;
    const std::optional<std::string> value = EnvironmentValue(*name);
    if (!value) {
      reading.problems.Warning(place,
                               "the environment variable {} is not set, so the cache is kept in memory only; export it "
                               "to share the cache",
                               *name);
      return;
    }
    url = *value;
    said = "the \"url\" in " + *name;
  }
  auto address = ParseRedisUrl(url);
  if (!address) {
    reading.problems.Error(place, "{} cannot be read: {}", said, address.error().message);
    return;
  }
  if (!address->password.empty() && said == "\"url\"") {
    reading.problems.Warning(place,
                             "the password of the cache is written in the file; put the url into the environment and "
                             "write os.environ/NAME");
  }
  if (!ca_file.empty()) address->stream.ca_file = (reading.file.path.parent_path() / ca_file).string();
  if (!ca_file.empty() && !address->stream.tls) {
    reading.problems.Error(map.PlaceOf("ca_file"),
                           "\"ca_file\" is for TLS, and {} is spoken to without; write rediss://", address->shown);
  }
  address->lookup_timeout = lookup_timeout;
  reading.file.cache_in_memory = false;
  reading.file.cache_server = *std::move(address);
}

}  // namespace

void ReadCache(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("cache");
  if (node == nullptr) return;
  YamlMap map(*node, "\"cache\"", reading.problems);
  RouteFile& file = reading.file;
  const std::string mode = map.OneOf("mode", {"exact", "exact_then_semantic", "none"}, "exact");
  const std::string scope = map.OneOf("scope", {"none", "user", "tenant", "global"}, "tenant");
  file.cache_enabled = mode != "none" && scope != "none";
  if (scope == "user") file.cache_scope = CacheScope::kUser;
  if (scope == "global") file.cache_scope = CacheScope::kGlobal;
  file.cache.ttl =
      std::chrono::duration_cast<seconds>(map.Duration("ttl", file.cache.ttl, seconds(1), hours(24 * 365)));
  file.cache.max_entries =
      static_cast<size_t>(map.Integer("max_entries", static_cast<int64_t>(file.cache.max_entries), 1, 10'000'000));
  file.cache.epoch = map.Text("cache_epoch");
  ReadUrl(map, reading);
  if (mode == "exact_then_semantic") {
    ReadSemantic(map, reading);
    map.Finish();
  } else {
    map.Finish({kSemanticKeys.begin(), kSemanticKeys.end()}, "mode: " + mode);
  }
}

}  // namespace bantam
