#include "learn/quant_data.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/sha256.h"
#include "base/text_util.h"
#include "learn/json_lines.h"

namespace bantam {
namespace {

struct PairKeys {
  const char *first, *second, *score;
};
constexpr std::array kPairKeys = {PairKeys{"text1", "text2", "score"}, PairKeys{"text1", "text2", "label"},
                                  PairKeys{"sentence1", "sentence2", "score"},
                                  PairKeys{"sentence1", "sentence2", "label"}, PairKeys{"a", "b", "score"}};
constexpr double kLargestScore = 1e9;

Result<const PairKeys*> KeysOf(const JsonObject& line) {
  for (const PairKeys& keys : kPairKeys) {
    if (line.Has(keys.first) && line.Has(keys.second) && line.Has(keys.score)) return &keys;
  }
  return Err(ErrorCode::kInvalidArgument,
             "{}: expected {{\"text\", \"label\"}} or {{\"text1\", \"text2\", \"score\"}} (or sentence1, sentence2, "
             "score or label)",
             line.name());
}

Result<bool> Wanted(const JsonObject& line, const std::vector<std::string>& splits) {
  if (splits.empty()) return true;
  BANTAM_TRY(const std::string split, line.String("split"));
  return std::find(splits.begin(), splits.end(), split) != splits.end();
}

Status CheckPairs(const QuantData& data, const std::string& name) {
  if (data.scores.size() < 10) {
    return Err(ErrorCode::kInvalidArgument, "{} has {} pairs{}, a rank correlation needs at least 10", name,
               data.scores.size(), data.scores.empty() ? " (of this split)" : "");
  }
  const auto [low, high] = std::minmax_element(data.scores.begin(), data.scores.end());
  if (*low == *high) return Err(ErrorCode::kInvalidArgument, "{}: every pair has the score {}", name, *low);
  return Ok();
}

}  // namespace

Result<QuantData> ReadQuantData(const Path& path, const std::vector<std::string>& splits) {
  const std::string name = EscapeForTerminal(path.string());
  QuantData data;
  std::optional<QuantTask> task;
  const PairKeys* keys = nullptr;
  BANTAM_RETURN_IF_ERROR(ReadJsonLines(path, [&](const JsonObject& line) -> Status {
    if (!task) {
      task = line.Has("text") ? QuantTask::kLabels : QuantTask::kSimilarity;
      if (*task == QuantTask::kSimilarity) {
        BANTAM_TRY(keys, KeysOf(line));
      }
    }
    if (*task == QuantTask::kLabels) return Ok();  // read again below, with all checks of examples
    BANTAM_TRY(const bool wanted, Wanted(line, splits));
    if (!wanted) return Ok();
    for (const char* key : {keys->first, keys->second}) {
      BANTAM_TRY(std::string text, line.String(key));
      data.texts.push_back(std::move(text));
    }
    BANTAM_TRY(const double score, line.Number(keys->score, -kLargestScore, kLargestScore));
    data.scores.push_back(score);
    return Ok();
  }));
  if (!task) return Err(ErrorCode::kInvalidArgument, "{} holds no line", name);
  data.task = *task;
  BANTAM_TRY(data.sha256, Sha256HexOfFile(path));
  if (*task == QuantTask::kSimilarity) {
    BANTAM_RETURN_IF_ERROR(CheckPairs(data, name));
    return data;
  }
  BANTAM_TRY(std::vector<LabelledText> all, ReadExamples(path, {.default_label = {}, .splits = splits}));
  // Out of scope is no label to be right about.
  for (LabelledText& example : all) {
    if (example.label == kOutOfScopeLabel) continue;
    data.texts.push_back(example.text);
    data.examples.push_back(std::move(example));
  }
  if (IndexLabels(data.examples).labels.size() < 2) {
    return Err(ErrorCode::kInvalidArgument, "{} has fewer than two labels; accuracy needs at least two", name);
  }
  const std::vector<int> folds = AssignFolds(data.examples, 5);
  if (std::count_if(folds.begin(), folds.end(), [](int fold) { return fold >= 0; }) < 10) {
    return Err(ErrorCode::kInvalidArgument,
               "{} has fewer than 10 examples that can be held out; give each label at least two different texts",
               name);
  }
  return data;
}

}  // namespace bantam
