#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/mapped_file.h"

namespace bantam {

namespace {

// libcrypto looks a digest up by name for whoever has only EVP_sha256(): ten times what hashing a short text takes.
const EVP_MD* Digest() {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
  void Begin() { BANTAM_CHECK(context != nullptr && EVP_DigestInit_ex(context, Digest(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) { state_->Begin(); }
Sha256::~Sha256() = default;

Sha256& Sha256::Update(std::string_view bytes) {
  BANTAM_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest{};
  BANTAM_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  return digest;
}

// Its memory is made once for each thread: that takes longer than the hash of a short text.
Sha256Digest Sha256Of(std::string_view bytes) {
  static thread_local Sha256 hash;
  hash.state_->Begin();
  return hash.Update(bytes).Finish();
}
std::string Sha256Hex(std::string_view bytes) { return HexOf(Sha256Of(bytes)); }

std::string HexOf(std::span<const unsigned char> digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(digest.size() * 2, '\0');
  for (size_t i = 0; i < digest.size(); ++i) {
    hex[2 * i] = kDigits[digest[i] >> 4];
    hex[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return hex;
}

Result<std::string> Sha256HexOfFile(const Path& path) {
  BANTAM_TRY(MappedFile file, MappedFile::Open(path));
  const auto bytes = file.bytes();
  return Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace bantam
