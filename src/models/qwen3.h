// Qwen3 (2025) read as an encoder, as Qwen3-Embedding is: a decoder whose last token's hidden vector stands for the
// text. RMSNorm, grouped-query attention with norms of queries and keys, SwiGLU.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadQwen3(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
