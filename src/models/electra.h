// ELECTRA (Clark et al., 2020): BERT, in the small one with tables narrower than the layers.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadElectra(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
