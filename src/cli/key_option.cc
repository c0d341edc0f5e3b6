#include "cli/key_option.h"

#include <cstdlib>

namespace bantam::cli {
namespace {

Result<std::vector<ApiKey>> ReadKeys(const Path& file) {
  std::vector<ApiKey> keys;
  if (!file.empty()) {
    BANTAM_TRY(keys, ReadApiKeys(file));
  }
  for (const auto& [variable, admin] : {std::pair("BANTAM_API_KEY", false), std::pair("BANTAM_ADMIN_KEY", true)}) {
    const char* key = std::getenv(variable);
    if (key == nullptr || *key == '\0') continue;
    keys.push_back({.name = std::string("$") + variable, .sha256 = Sha256Of(key), .admin = admin});
  }
  return keys;
}

}  // namespace

Status SetUpKeys(const Path& file, ApiContext& context) {
  BANTAM_TRY(std::vector<ApiKey> keys, ReadKeys(file));
  if (keys.empty()) return Ok();
  context.keys = std::make_unique<ApiKeys>(std::move(keys));
  if (!file.empty()) context.read_keys = [file] { return ReadKeys(file); };
  return Ok();
}

}  // namespace bantam::cli
