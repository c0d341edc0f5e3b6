#include "tasks/rerank.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

// "torch.nn.modules.linear.Identity": what the score goes through.
Result<ScoreFunction> FunctionOf(const LoadedModel& model) {
  BANTAM_TRY(const JsonObject config,
             JsonObject::From(model.folder.config, EscapeForTerminal(model.folder.config_path().string(), 400)));
  std::string name, where;
  if (config.Has("sentence_transformers")) {
    BANTAM_TRY(const JsonObject own, config.Object("sentence_transformers"));
    where = own.Where("activation_fn");
    BANTAM_TRY(name, own.StringOr("activation_fn", ""));
  }
  if (name.empty() && config.Has("sbert_ce_default_activation_function")) {  // before version 4
    where = config.Where("sbert_ce_default_activation_function");
    BANTAM_TRY(name, config.StringOr("sbert_ce_default_activation_function", ""));
  }
  if (name.empty()) return ScoreFunction::kSigmoid;
  const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
  if (last == "Identity") return ScoreFunction::kNone;
  if (last == "Sigmoid") return ScoreFunction::kSigmoid;
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: Identity and Sigmoid of torch.nn", where,
             EscapeForTerminal(name, 80));
}

}  // namespace

std::vector<RankedDocument> BestFirst(std::vector<RankedDocument> documents, size_t top_n) {
  std::ranges::stable_sort(documents, std::greater<>(), &RankedDocument::score);
  if (top_n > 0 && top_n < documents.size()) documents.resize(top_n);
  return documents;
}

Result<std::unique_ptr<Reranker>> Reranker::Load(std::string_view reference, const LoadOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model));
}

Result<std::unique_ptr<Reranker>> Reranker::Create(LoadedModel model) {
  if (model.head == nullptr || model.head->kind() != ClassifierHead::Kind::kSequence) {
    return model.NoSuchHead("sequence-classification");
  }
  if (model.head->num_labels() != 1) {
    return Err(ErrorCode::kUnsupported,
               "model \"{}\" has {} labels; a cross-encoder that ranks has one, its score; use bantam classify",
               EscapeForTerminal(model.folder.name), model.head->num_labels());
  }
  BANTAM_RETURN_IF_ERROR(PairTemplate(model));
  BANTAM_TRY(const ScoreFunction function, FunctionOf(model));
  return std::unique_ptr<Reranker>(new Reranker(std::move(model), function));
}

Status Reranker::FillScores(SequenceList& list, const RankOptions& options, std::span<RankedDocument> documents) const {
  BANTAM_TRY(std::vector<float> scores, SequenceLogits(model_, list, options.deadline));
  for (size_t i = 0; i < documents.size(); ++i) {
    ApplyScoreFunction(options.function.value_or(function_), std::span(scores).subspan(i, 1));
    documents[i].score = scores[i];
  }
  return Ok();
}

Result<Ranking> Reranker::Rank(std::string_view query, std::span<const std::string_view> documents,
                               const RankOptions& options) const {
  const Encoding first = EncodeBare(model_, query);
  Ranking ranking;
  SequenceList list(options.times);
  for (size_t i = 0; i < documents.size(); ++i) {
    BANTAM_TRY(TextSequence sequence,
               PairSequence(model_, first, EncodeBare(model_, documents[i]), PairTruncation::kLongestFirst));
    ranking.results.push_back({i, 0, sequence.ids.size(), sequence.truncated});
    ranking.num_tokens += sequence.ids.size();
    if (sequence.truncated) ranking.truncated.push_back(i);
    list.Add(std::move(sequence.ids), std::move(sequence.types));
  }
  BANTAM_RETURN_IF_ERROR(FillScores(list, options, ranking.results));
  ranking.results = BestFirst(std::move(ranking.results), options.top_n);
  return ranking;
}

Result<std::vector<RankedDocument>> Reranker::Score(std::span<const TextInput> pairs,
                                                    const RankOptions& options) const {
  std::vector<RankedDocument> scored;
  SequenceList list(options.times);
  for (size_t i = 0; i < pairs.size(); ++i) {
    BANTAM_TRY(TextSequence sequence, MakeSequence(model_, pairs[i]));
    scored.push_back({i, 0, sequence.ids.size(), sequence.truncated});
    list.Add(std::move(sequence.ids), std::move(sequence.types));
  }
  BANTAM_RETURN_IF_ERROR(FillScores(list, options, scored));
  return scored;
}

}  // namespace bantam
