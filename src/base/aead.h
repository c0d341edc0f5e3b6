// Authenticated encryption: AES-256 in GCM (NIST SP 800-38D), by OpenSSL. A sealed text is NONCE (12 random bytes),
// ciphertext, tag (16 bytes). The same key may seal 2^32 texts.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

using AeadKey = std::array<unsigned char, 32>;

// `context` is not in the sealed text, but has to be the same when it is opened.
Result<std::string> Seal(const AeadKey& key, std::string_view context, std::string_view text);
// Nothing when it was changed, or sealed with another key or context.
std::optional<std::string> Unseal(const AeadKey& key, std::string_view context, std::string_view sealed);

}  // namespace bantam
