// ALBERT (Lan et al., 2019): BERT whose layers share their weights, with tables narrower than the layers.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadAlbert(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
