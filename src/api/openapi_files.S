/* The schemas of the OpenAPI document; the path is relative to openapi/. */
#include "base/embedded_file.inc"

    embedded_file bantam_openapi_schemas, "schemas.json"
