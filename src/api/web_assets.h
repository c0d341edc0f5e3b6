// The console's files, built into the binary.
#pragma once

#include <string_view>

namespace bantam {

struct WebAsset {
  std::string_view path, content_type, bytes;
  std::string_view etag;  // quoted
};

// Null when there is no such file.
const WebAsset* FindWebAsset(std::string_view path);

}  // namespace bantam
