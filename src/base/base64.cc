#include "base/base64.h"

#include <openssl/evp.h>

namespace bantam {

void AppendBase64(std::span<const std::byte> bytes, std::string& out) {
  const size_t begin = out.size();
  out.resize(begin + (bytes.size() + 2) / 3 * 4 + 1);  // EVP_EncodeBlock ends with a NUL
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(begin + static_cast<size_t>(length));
}

}  // namespace bantam
