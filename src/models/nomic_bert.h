// NomicBERT (Nussbaum et al., 2024): BERT with rotary positions and SwiGLU, without biases.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadNomicBert(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
