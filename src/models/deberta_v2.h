// DeBERTa v2 and v3 (He et al., 2020 and 2021): BERT with disentangled attention to relative positions.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadDebertaV2(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
