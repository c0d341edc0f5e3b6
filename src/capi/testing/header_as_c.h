// For tests only: functions of a file that is compiled as C.
#ifndef BANTAM_CAPI_TESTING_HEADER_AS_C_H
#define BANTAM_CAPI_TESTING_HEADER_AS_C_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

size_t header_as_c_sizeof_model_options(void);
size_t header_as_c_sizeof_assistant_options(void);
size_t header_as_c_sizeof_answer(void);
size_t header_as_c_sizeof_explanation(void);
bantam_status header_as_c_embed(bantam_model* model, const char* text, float* vector, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
