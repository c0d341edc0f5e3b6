// Answers of tasks as JSON: the same objects from the command line as over HTTP.
#pragma once

#include "base/json.h"
#include "tasks/classify.h"
#include "tasks/decide.h"
#include "tasks/fill_mask.h"
#include "tasks/question_answer.h"
#include "tasks/rerank.h"
#include "tasks/sparse_embed.h"
#include "tasks/tag.h"

namespace bantam {

// A float as the double that prints in as few digits.
double ShortDouble(float value);

// [{"label": "POSITIVE", "score": 0.98}, ...], best first; top_k 0: all.
json::array LabelsJson(const Classification& answer, std::span<const std::string> labels, size_t top_k);
// As TypeSafe's decision models answer: {"type": "choice", "choice": "billing", "probabilities": {...}, "confidence":
// 0.8}, {"type": "score", "score": 1.4, "legend": {"0": "calm", ...}, ...} or {"type": "noul", "noul": 0.9}.
json::object DecisionJson(const DecisionQuestion& question, const json::object& legend, std::span<const double> p);
// [{"entity_group": "PER", "score": 0.99, "word": "ada", "start": 0, "end": 3}, ...]; with kNone "entity" and "index".
json::array EntitiesJson(const TaggedText& text, Aggregation aggregation);
// [{"answer": "Ada", "score": 0.9, "start": 0, "end": 3}, ...]
json::array AnswersJson(const AnsweredQuestion& question);
// [{"index": 1012, "value": 1.5}, ...]: token ids with their weights, heaviest first.
json::array WeightsJson(const SparseVector& vector);
// [[{"token": 1, "token_str": "paris", "score": 0.4, "sequence": "..."}, ...], ...]: an array for each mask.
json::array MasksJson(const FilledText& text);

}  // namespace bantam
