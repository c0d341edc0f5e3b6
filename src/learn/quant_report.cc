#include "learn/quant_report.h"

namespace bantam {
namespace {

json::object Figures(const QuantFigures& figures) {
  json::object object;
  if (figures.metric) object["metric"] = *figures.metric;
  if (figures.ms_16 > 0) object["ms_16_tokens"] = figures.ms_16;
  if (figures.ms_128 > 0) object["ms_128_tokens"] = figures.ms_128;
  object["file_bytes"] = figures.file_bytes;
  object["memory_bytes"] = figures.memory_bytes;
  return object;
}

std::string_view TaskName(QuantTask task) {
  switch (task) {
    case QuantTask::kLabels:
      return "labels";
    case QuantTask::kSimilarity:
      return "similarity";
    case QuantTask::kSentences:
      break;
  }
  return "sentences";
}

}  // namespace

std::vector<const QuantLayer*> QuantReport::Kept() const {
  std::vector<const QuantLayer*> kept;
  for (const QuantLayer& layer : layers) {
    if (layer.type != type) kept.push_back(&layer);
  }
  return kept;
}

json::object ToJsonObject(const QuantReport& report) {
  json::object object = {{"model", report.model},
                         {"weights_sha256", report.weights_sha256},
                         {"type", WeightTypeName(report.type)},
                         {"task", TaskName(report.task)},
                         {"texts", report.num_texts}};
  if (!report.data_file.empty()) {
    object["data"] = report.data_file;
    object["data_sha256"] = report.data_sha256;
    object["metric"] = report.metric;
  }
  object["before"] = Figures(report.before);
  object["after"] = Figures(report.after);
  object["cosine_mean"] = report.cosine_mean;
  object["cosine_min"] = report.cosine_min;
  if (report.drop) object["drop"] = *report.drop;
  if (report.max_drop) object["max_drop"] = *report.max_drop;
  json::array kept;
  for (const QuantLayer* layer : report.Kept()) kept.push_back(json::value(layer->name));
  object["kept"] = std::move(kept);
  json::array layers;
  for (const QuantLayer& layer : report.layers) {
    json::object row = {{"name", layer.name}, {"type", WeightTypeName(layer.type)}, {"weights", layer.num_weights}};
    if (layer.loss) row["loss"] = *layer.loss;
    layers.push_back(std::move(row));
  }
  object["layers"] = std::move(layers);
  object["isa"] = report.isa;
  object["threads"] = report.threads;
  object["trials"] = report.trials;
  object["seconds"] = report.seconds;
  return object;
}

}  // namespace bantam
