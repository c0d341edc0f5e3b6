// MPNet (Song et al., 2020): BERT with a learned bias for each distance in attention, without token types.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadMpnet(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
