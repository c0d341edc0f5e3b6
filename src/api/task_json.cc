#include "api/task_json.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace bantam {

double ShortDouble(float value) {
  char digits[32];
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  double out = value;
  std::from_chars(std::begin(digits), written.ptr, out);
  return out;
}

json::array LabelsJson(const Classification& answer, std::span<const std::string> labels, size_t top_k) {
  json::array out;
  for (const size_t label : answer.ranking()) {
    if (top_k > 0 && out.size() == top_k) break;
    out.push_back({{"label", labels[label]}, {"score", ShortDouble(answer.scores[label])}});
  }
  return out;
}

json::object DecisionJson(const DecisionQuestion& question, const json::object& legend, std::span<const double> p) {
  json::object probabilities;
  switch (question.kind) {
    case DecisionQuestion::Kind::kYesNo:
      return {{"type", "noul"}, {"noul", p[0]}};
    case DecisionQuestion::Kind::kScale:
      for (size_t i = 0; i < p.size(); ++i) probabilities[std::to_string(i)] = p[i];
      return {{"type", "score"},
              {"score", ExpectedLevel(p)},
              {"legend", legend},
              {"probabilities", std::move(probabilities)},
              {"confidence", ScaleConfidence(p)}};
    case DecisionQuestion::Kind::kChoice:
      break;
  }
  for (size_t i = 0; i < p.size(); ++i) probabilities[question.options[i].name] = p[i];
  return {{"type", "choice"},
          {"choice", question.options[Likeliest(p)].name},
          {"probabilities", std::move(probabilities)},
          {"confidence", ChoiceConfidence(p)}};
}

json::array EntitiesJson(const TaggedText& text, Aggregation aggregation) {
  json::array out;
  for (const TaggedSpan& span : text.spans) {
    json::object entity;
    entity[aggregation == Aggregation::kNone ? "entity" : "entity_group"] = span.label;
    entity["score"] = ShortDouble(span.score);
    if (aggregation == Aggregation::kNone) entity["index"] = span.index;
    entity["word"] = span.word;
    entity["start"] = span.begin;
    entity["end"] = span.end;
    out.push_back(std::move(entity));
  }
  return out;
}

json::array AnswersJson(const AnsweredQuestion& question) {
  json::array out;
  for (const TextAnswer& answer : question.answers) {
    out.push_back(
        {{"answer", answer.text}, {"score", ShortDouble(answer.score)}, {"start", answer.begin}, {"end", answer.end}});
  }
  return out;
}

json::array WeightsJson(const SparseVector& vector) {
  std::vector<size_t> order(vector.indices.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return vector.values[i]; });
  json::array out;
  for (const size_t i : order) {
    out.push_back(json::object{{"index", vector.indices[i]}, {"value", ShortDouble(vector.values[i])}});
  }
  return out;
}

json::array MasksJson(const FilledText& text) {
  json::array out;
  for (const std::vector<MaskCandidate>& mask : text.masks) {
    json::array candidates;
    for (const MaskCandidate& candidate : mask) {
      candidates.push_back({{"token", candidate.token_id},
                            {"token_str", candidate.text},
                            {"score", ShortDouble(candidate.score)},
                            {"sequence", candidate.sequence}});
    }
    out.push_back(std::move(candidates));
  }
  return out;
}

}  // namespace bantam
