// The header as a C11 program sees it; header_as_c.h says what the tests in C++ compare it with.
#include "capi/testing/header_as_c.h"

_Static_assert(sizeof(bantam_status) == sizeof(int), "a status is an int for every language that binds to it");
_Static_assert(sizeof(bantam_span) == 8, "arrays of it never change their layout");
_Static_assert(sizeof(bantam_text_info) == 8, "arrays of it never change their layout");
_Static_assert(sizeof(bantam_text) == 2 * sizeof(size_t), "arrays of it never change their layout");
_Static_assert(offsetof(bantam_answer, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(bantam_model_options, struct_size) == 0, "struct_size comes first");
/* Where the first version of the struct ended, padding and all: that of a program built then may hold anything. */
_Static_assert(offsetof(bantam_embed_options, prompt) >= 16,
               "no later member lies in the padding of an earlier version");

size_t header_as_c_sizeof_model_options(void) { return sizeof(bantam_model_options); }
size_t header_as_c_sizeof_assistant_options(void) { return sizeof(bantam_assistant_options); }
size_t header_as_c_sizeof_answer(void) { return sizeof(bantam_answer); }
size_t header_as_c_sizeof_explanation(void) { return sizeof(bantam_explanation); }

bantam_status header_as_c_embed(bantam_model* model, const char* text, float* vector, size_t capacity) {
  const bantam_embed_options options = {.struct_size = sizeof options, .timeout_ms = 60000};
  bantam_text_info info = {0};
  const bantam_status status = bantam_model_embed(model, text, BANTAM_C_STRING, &options, vector, capacity, &info);
  return status == BANTAM_OK && info.num_tokens == 0 ? BANTAM_INTERNAL : status;
}
