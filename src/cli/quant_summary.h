// The table of a quantisation report, for `bantam quantize` and `bantam show`.
#pragma once

#include <string>

#include "base/json.h"

namespace bantam::cli {

// `report`: as learn/quant_report.h writes it, or as somebody's file has it: what is missing or of another kind is left
// out.
std::string QuantSummary(const json::object& report);
// The same as learn/decoder_quant_report.h writes it, of a model that writes text.
std::string DecoderQuantSummary(const json::object& report);

}  // namespace bantam::cli
