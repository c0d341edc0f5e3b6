// A route file. What is refused names file and place.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "route/route_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const auto file = ParseRouteFile({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!file) BANTAM_CHECK(file.error().message.find("fuzz.yaml") != std::string::npos);
  return 0;
}
