// A random share of the requests, drawn by their ids: the same requests whenever it is asked again.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/sha256.h"

namespace bantam {

// `purpose` keeps different draws of the same request apart; empty for the first one that there was.
inline bool IsDrawn(std::string_view purpose, std::string_view request_id, double share) {
  Sha256 hash;
  if (!purpose.empty()) hash.Update(purpose).Update(" ");
  const Sha256Digest digest = hash.Update(request_id).Finish();
  uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return static_cast<double>(number >> 11) * 0x1p-53 < share;
}

}  // namespace bantam
