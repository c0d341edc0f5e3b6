// A row of the cache. What is read as an answer is written as one that reads the same.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "route/answer_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const auto answer = DecodeAnswer({reinterpret_cast<const char*>(data), size});
  if (!answer) return 0;
  BANTAM_CHECK(answer->cache_hit);
  const std::string written = EncodeAnswer(*answer);
  const auto again = DecodeAnswer(written);
  BANTAM_CHECK(again.has_value() && EncodeAnswer(*again) == written);
  return 0;
}
