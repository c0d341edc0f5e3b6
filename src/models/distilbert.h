// DistilBERT (Sanh et al., 2019): BERT with half the layers and without token types.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadDistilBert(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
