#include "route/signing.h"

#include "base/clock.h"
#include "base/hmac.h"
#include "route/route_file_reader.h"

namespace bantam {

SigningSecret ReadSecret(YamlMap& map, std::string_view consequence) {
  const std::string text = map.Text("secret");
  if (text.empty()) return {};
  const std::optional<std::string> name = EnvironmentName(text);
  if (!name) {
    map.problems().Error(map.PlaceOf("secret"),
                         "\"secret\" is not os.environ/NAME; put the secret into the environment");
    return {};
  }
  if (auto value = EnvironmentValue(*name)) return {*std::move(value), {}};
  map.problems().Warning(map.PlaceOf("secret"),
                         "the environment variable {} is not set, so {}; export it, requests are signed with it", *name,
                         consequence);
  return {{}, *name};
}

std::string Signature(std::string_view secret, int64_t unix_seconds, std::string_view body) {
  const std::string signed_text = fmt::format("{}.{}", unix_seconds, body);
  return fmt::format("t={},v1={}", unix_seconds, HexOf(HmacSha256(secret, signed_text)));
}

Status Sign(const SigningSecret& secret, OutgoingRequest& request) {
  if (!secret.unset_variable.empty()) {
    return Err(ErrorCode::kBadConfig, "the environment variable {}, which holds the secret, is not set",
               secret.unset_variable);
  }
  if (secret.value.empty()) return Ok();
  request.headers.emplace_back("X-Bantam-Signature", Signature(secret.value, WallMicros() / 1'000'000, request.body));
  return Ok();
}

}  // namespace bantam
