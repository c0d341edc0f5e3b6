// SHA-256 as FIPS 180-4 writes it down and base64 of RFC 4648, behind OpenSSL's names. Only in cross-built tests.
#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstdint>

namespace {

constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

struct EVP_MD_CTX {
  std::array<uint32_t, 8> hash;
  unsigned char block[64];
  size_t filled;
  uint64_t size_bytes;

  void Add(unsigned char byte) {
    block[filled++] = byte;
    if (filled == sizeof block) Compress();
  }

  void Compress() {
    uint32_t w[64];
    for (int t = 0; t < 16; ++t) {
      w[t] = uint32_t{block[4 * t]} << 24 | uint32_t{block[4 * t + 1]} << 16 | uint32_t{block[4 * t + 2]} << 8 |
             uint32_t{block[4 * t + 3]};
    }
    for (int t = 16; t < 64; ++t) {
      const uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
      const uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = hash;
    for (int t = 0; t < 64; ++t) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::array<uint32_t, 8> sum = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) hash[i] += sum[i];
    filled = 0;
  }
};

EVP_MD_CTX* EVP_MD_CTX_new() { return new EVP_MD_CTX{}; }
void EVP_MD_CTX_free(EVP_MD_CTX* context) { delete context; }
EVP_MD* EVP_MD_fetch(void*, const char*, const char*) { return nullptr; }

int EVP_DigestInit_ex(EVP_MD_CTX* context, const EVP_MD*, void*) {
  *context = {.hash = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
              .block = {},
              .filled = 0,
              .size_bytes = 0};
  return 1;
}

int EVP_DigestUpdate(EVP_MD_CTX* context, const void* bytes, size_t size) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
  for (size_t i = 0; i < size; ++i) context->Add(begin[i]);
  context->size_bytes += size;
  return 1;
}

int EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* digest, unsigned*) {
  context->Add(0x80);
  while (context->filled != 56) context->Add(0);
  for (int shift = 56; shift >= 0; shift -= 8)
    context->Add(static_cast<unsigned char>(context->size_bytes * 8 >> shift));
  for (int i = 0; i < 32; ++i) digest[i] = static_cast<unsigned char>(context->hash[i / 4] >> (24 - 8 * (i % 4)));
  return 1;
}

int EVP_EncodeBlock(unsigned char* out, const unsigned char* bytes, int size) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char* end = out;
  for (int i = 0; i < size; i += 3) {
    uint32_t three = 0;
    for (int j = 0; j < 3; ++j) three = three << 8 | (i + j < size ? bytes[i + j] : 0u);
    for (int j = 0; j < 4; ++j) *end++ = i + j <= size ? kDigits[three >> (18 - 6 * j) & 63] : '=';
  }
  *end = 0;
  return static_cast<int>(end - out);
}
