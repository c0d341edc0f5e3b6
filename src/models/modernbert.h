// ModernBERT (Warner et al., 2024): pre-norm, rotary positions, GeGLU, and attention within a window in two layers of
// three.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadModernBert(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
