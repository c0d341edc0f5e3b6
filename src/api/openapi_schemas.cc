#include "api/openapi_schemas.h"

// Defined by openapi_files.S, which includes the bytes as they are.
extern "C" {
extern const char bantam_openapi_schemas[], bantam_openapi_schemas_end[];
}

namespace bantam {

std::string_view OpenApiSchemas() { return {bantam_openapi_schemas, bantam_openapi_schemas_end}; }

}  // namespace bantam
