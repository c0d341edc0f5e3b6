#include "base/hmac.h"

#include <openssl/hmac.h>

#include "base/check.h"

namespace bantam {

Sha256Digest HmacSha256(std::string_view key, std::string_view message) {
  Sha256Digest digest{};
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  const unsigned char* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), digest.data(), &size);
  BANTAM_CHECK(made != nullptr && size == digest.size());
  return digest;
}

}  // namespace bantam
