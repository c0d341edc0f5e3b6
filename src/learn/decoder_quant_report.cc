#include "learn/decoder_quant_report.h"

namespace bantam {
namespace {

json::object Figures(const PerplexityFigures& figures, const DecoderSpeed& speed) {
  return {{"perplexity", figures.perplexity},
          {"standard_error", figures.standard_error},
          {"prefill_tokens_per_s", speed.prefill_per_s},
          {"decode_tokens_per_s", speed.decode_per_s}};
}

}  // namespace

double DecoderQuantReport::bits_per_weight() const {
  return num_parameters > 0 ? 8.0 * static_cast<double>(bytes_after) / static_cast<double>(num_parameters) : 0;
}

double DecoderQuantReport::rise() const {
  return 100 * (divergence.other.perplexity / divergence.original.perplexity - 1);
}

json::object ToJsonObject(const DecoderQuantReport& report) {
  json::object object = {{"model", report.model},
                         {"weights_sha256", report.weights_sha256},
                         {"type", DTypeName(report.type)},
                         {"bytes_before", report.bytes_before},
                         {"bytes_after", report.bytes_after},
                         {"bits_per_weight", report.bits_per_weight()},
                         {"before", Figures(report.divergence.original, report.speed_before)},
                         {"after", Figures(report.divergence.other, report.speed_after)},
                         {"kl_mean", report.divergence.kl_mean},
                         {"kl_p99", report.divergence.kl_p99},
                         {"same_top", report.divergence.same_top},
                         {"tokens", report.divergence.other.num_tokens},
                         {"rise", report.rise()},
                         {"rounded_before", report.rounded_before},
                         {"isa", report.isa},
                         {"threads", report.threads},
                         {"trials", report.trials},
                         {"seconds", report.seconds}};
  if (!report.text.empty()) object["text"] = report.text;
  if (report.max_rise) object["max_rise"] = *report.max_rise;
  json::array matrices;
  for (const QuantizedMatrix& matrix : report.matrices) {
    matrices.push_back(json::object{{"name", matrix.name},
                                    {"before", DTypeName(matrix.before)},
                                    {"type", DTypeName(matrix.after)},
                                    {"weights", matrix.num_weights},
                                    {"loss", matrix.loss}});
  }
  object["matrices"] = std::move(matrices);
  return object;
}

}  // namespace bantam
