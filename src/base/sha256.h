// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_io.h"

namespace bantam {

using Sha256Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256& Update(std::string_view bytes);
  Sha256Digest Finish();  // once

 private:
  friend Sha256Digest Sha256Of(std::string_view bytes);
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest Sha256Of(std::string_view bytes);
std::string Sha256Hex(std::string_view bytes);  // 64 lower-case digits
std::string HexOf(std::span<const unsigned char> digest);
Result<std::string> Sha256HexOfFile(const Path& path);

}  // namespace bantam
