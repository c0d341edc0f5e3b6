// The console's files, built into the binary.
#pragma once

#include <string_view>

namespace bantam {

struct WebAsset {
  std::string_view name, content_type, bytes;
  std::string_view etag;  // quoted
};

// By its name, without folders; null when there is no such file.
const WebAsset* FindWebAsset(std::string_view name);

}  // namespace bantam
