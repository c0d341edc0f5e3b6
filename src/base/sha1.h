// SHA-1 (FIPS 180-4), by OpenSSL: for git's object ids only, which hubs name small files by. Nothing rests on it alone
// that somebody could gain by a collision: files of weights have a SHA-256.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace bantam {

class Sha1 {
 public:
  Sha1();
  Sha1(Sha1&&) noexcept;
  Sha1& operator=(Sha1&&) noexcept;
  ~Sha1();
  Sha1& Update(std::string_view bytes);
  std::string FinishHex();  // 40 lower-case digits; once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bantam
