// How alike two texts are: the cosine of their embeddings.
//
//   similarity MODEL TEXT TEXT [DIMENSIONS [PROMPT]]
//
// MODEL is a name in the store of the bantam command, or a folder with a slash. DIMENSIONS: of the embeddings' first
// values, all of them for 0. PROMPT: the name of one of the model's prompts.
#include <bantam/bantam.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char* what) {
  fprintf(stderr, "similarity: %s: %s\n", what, bantam_last_error());
  return 1;
}

static double cosine(const float* a, const float* b, size_t n) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < n; ++i) {
    ab += (double)a[i] * b[i];
    aa += (double)a[i] * a[i];
    bb += (double)b[i] * b[i];
  }
  return ab / sqrt(aa * bb);
}

static int compare(bantam_model* model, const char* first, const char* second, const bantam_embed_options* options) {
  size_t dimensions = (size_t)bantam_model_describe(model)->dimensions;
  if (options->dimensions > 0 && (size_t)options->dimensions < dimensions) dimensions = (size_t)options->dimensions;
  float* vectors = malloc(2 * dimensions * sizeof *vectors);
  if (vectors == NULL) return 1;
  const bantam_text texts[2] = {{first, BANTAM_C_STRING}, {second, BANTAM_C_STRING}};
  bantam_text_info infos[2];
  int result = 0;
  if (bantam_model_embed_batch(model, texts, 2, options, vectors, 2 * dimensions, infos) == BANTAM_OK) {
    for (int i = 0; i < 2; ++i) {
      if (infos[i].truncated)
        fprintf(stderr, "similarity: text %d was cut after %u tokens\n", i + 1, infos[i].num_tokens);
    }
    printf("%.6f\n", cosine(vectors, vectors + dimensions, dimensions));
  } else {
    result = fail("embedding");
  }
  free(vectors);
  return result;
}

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    fprintf(stderr, "usage: similarity MODEL TEXT TEXT [DIMENSIONS [PROMPT]]\n");
    return 64;
  }
  // Everything that is not set has its default: f32, one thread, which is this one.
  const bantam_model_options options = {.struct_size = sizeof options};
  bantam_model* model = NULL;
  if (bantam_model_load(argv[1], &options, &model) != BANTAM_OK) return fail(argv[1]);
  const bantam_embed_options how = {.struct_size = sizeof how,
                                    .prompt_name = argc > 5 ? argv[5] : NULL,
                                    .dimensions = argc > 4 ? (int32_t)strtol(argv[4], NULL, 10) : 0};
  const int result = compare(model, argv[2], argv[3], &how);
  bantam_model_free(model);
  return result;
}
