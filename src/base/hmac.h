// HMAC with SHA-256 (FIPS 198-1), by OpenSSL.
#pragma once

#include <string_view>

#include "base/sha256.h"

namespace bantam {

Sha256Digest HmacSha256(std::string_view key, std::string_view message);

}  // namespace bantam
