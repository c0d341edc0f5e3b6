#include "base/aead.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"
#include "base/random_bytes.h"

namespace bantam {
namespace {

constexpr size_t kNonceBytes = 12, kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// The context is the additional authenticated data.
Cipher Begin(const AeadKey& key, std::string_view context, std::string_view nonce, bool sealing) {
  Cipher cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  BANTAM_CHECK(cipher != nullptr &&
               EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), Bytes(nonce), sealing ? 1 : 0) ==
                   1 &&
               EVP_CipherUpdate(cipher.get(), nullptr, &length, Bytes(context), static_cast<int>(context.size())) == 1);
  return cipher;
}

}  // namespace

Result<std::string> Seal(const AeadKey& key, std::string_view context, std::string_view text) {
  std::array<unsigned char, kNonceBytes> nonce{};
  BANTAM_RETURN_IF_ERROR(FillRandom(nonce));
  std::string sealed(nonce.begin(), nonce.end());
  const Cipher cipher = Begin(key, context, sealed, /*sealing=*/true);
  sealed.resize(kNonceBytes + text.size() + kTagBytes);
  unsigned char* out = Bytes(sealed) + kNonceBytes;
  int length = 0, rest = 0;
  BANTAM_CHECK(EVP_CipherUpdate(cipher.get(), out, &length, Bytes(text), static_cast<int>(text.size())) == 1 &&
               EVP_CipherFinal_ex(cipher.get(), out + length, &rest) == 1 &&
               EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, out + text.size()) == 1);
  return sealed;
}

std::optional<std::string> Unseal(const AeadKey& key, std::string_view context, std::string_view sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const Cipher cipher = Begin(key, context, sealed.substr(0, kNonceBytes), /*sealing=*/false);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  sealed = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string text(sealed.size(), '\0');
  int length = 0, rest = 0;
  if (EVP_CipherUpdate(cipher.get(), Bytes(text), &length, Bytes(sealed), static_cast<int>(sealed.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), Bytes(text) + length, &rest) != 1) {
    return std::nullopt;
  }
  return text;
}

}  // namespace bantam
