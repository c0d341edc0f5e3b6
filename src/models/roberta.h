// RoBERTa (Liu et al., 2019), and CamemBERT and XLM-RoBERTa, which are the same with other words: BERT whose positions
// begin after the padding token's row.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadRoberta(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
