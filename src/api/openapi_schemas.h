// The schemas of request and reply bodies, built into the binary: openapi/schemas.json, by name.
#pragma once

#include <string_view>

namespace bantam {

std::string_view OpenApiSchemas();

}  // namespace bantam
