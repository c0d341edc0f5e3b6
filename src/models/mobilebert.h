// MobileBERT (Sun et al., 2020): narrow layers between bottlenecks, several feed-forward parts in each, word vectors
// that take in their neighbours, and NoNorm in place of LayerNorm.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadMobileBert(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
