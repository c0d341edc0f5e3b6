#include "base/sha1.h"

#include <openssl/evp.h>

#include <array>

#include "base/check.h"
#include "base/sha256.h"

namespace bantam {

struct Sha1::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha1::Sha1() : state_(std::make_unique<State>()) {
  BANTAM_CHECK(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha1(), nullptr) == 1);
}
Sha1::Sha1(Sha1&&) noexcept = default;
Sha1& Sha1::operator=(Sha1&&) noexcept = default;
Sha1::~Sha1() = default;

Sha1& Sha1::Update(std::string_view bytes) {
  BANTAM_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

std::string Sha1::FinishHex() {
  std::array<unsigned char, 20> digest{};
  BANTAM_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  return HexOf(digest);
}

}  // namespace bantam
