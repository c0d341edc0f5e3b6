/* openapi/schemas.json as it is; the path is relative to openapi/ (see CMakeLists.txt). */
    .section .rodata
    .global bantam_openapi_schemas, bantam_openapi_schemas_end
bantam_openapi_schemas:
    .incbin "schemas.json"
bantam_openapi_schemas_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
