// What encoders and the models with heads do with tensors.
#include <array>

#include "api/endpoints/embed_request.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tensor_task.h"
#include "api/task_json.h"

namespace bantam {
namespace {

using Texts = std::vector<std::string>;

constexpr std::array kText = {TensorInput{"text"}};
constexpr std::array kTextOrPair = {TensorInput{"text"}, TensorInput{"text_pair", true}};
constexpr std::array kQueryAndText = {TensorInput{"query"}, TensorInput{"text"}};
constexpr std::array kQuestionAndContext = {TensorInput{"question"}, TensorInput{"context"}};

// Two inputs that belong together: as many of each, or one of the first for all of the second.
Status CheckPairs(const InferCall& call, std::string_view first, std::string_view second, bool one_for_all) {
  const size_t num_first = call.Texts(first).size(), num_second = call.Texts(second).size();
  if (num_first == num_second || (one_for_all && num_first == 1)) return Ok();
  return Err(ErrorCode::kInvalidArgument, "the input \"{}\" has {} texts and \"{}\" has {}: send as many of each{}",
             first, num_first, second, num_second, one_for_all ? fmt::format(", or one \"{}\"", first) : "");
}

std::vector<std::string_view> Views(std::span<const std::string> texts) { return {texts.begin(), texts.end()}; }

// What the options of all tasks have: until when, and where the engine's times go.
template <typename Options>
Status SetLimits(const InferCall& call, const JsonObject& parameters, WorkDone& work, Options& options) {
  BANTAM_TRY(options.deadline, call.Deadline(parameters, call.context.request_timeout));
  options.times = &work.engine;
  return Ok();
}

// What an answer that is cut at the model's limit comes to: a header, or an error where texts must be whole.
template <typename Answer>
Status TellRead(InferCall& call, const JsonObject& parameters, const WorkDone& work, std::span<const Answer> answers,
                int max_tokens) {
  std::string at;
  bool truncate = true;
  BANTAM_RETURN_IF_ERROR(ReadTruncate(parameters, truncate, at));
  size_t num_tokens = 0, num_truncated = 0;
  for (const Answer& answer : answers) {
    if (answer.truncated && !truncate) {
      return Err(ErrorCode::kInvalidArgument,
                 "element {} is longer than the {} tokens that {} reads, and \"truncate\" is false",
                 &answer - answers.data(), max_tokens, call.model->name);
    }
    num_tokens += answer.num_tokens;
    num_truncated += answer.truncated;
  }
  work.Tell(*call.model, num_tokens);
  TellTruncated(num_truncated, call.reply);
  return Ok();
}

Result<std::optional<ScoreFunction>> ReadFunction(const JsonObject& parameters) {
  BANTAM_TRY(const bool raw, parameters.BoolOr("raw_scores", false));
  return raw ? std::optional(ScoreFunction::kNone) : std::nullopt;
}

// ------------------------------------------------------------------------------------------------------------ encoders

std::vector<TensorOutput> EmbedOutputs(const ServedModel* model) {
  const Embedder& embedder = *model->embedder;
  std::vector<TensorOutput> outputs{{.name = "embedding", .datatype = "FP32", .shape = {-1, embedder.dimensions()}}};
  if (embedder.sentence().multi_vector.on) outputs.push_back({.name = "rows", .datatype = "INT64", .shape = {-1}});
  return outputs;
}

// A vector for each token, and how many there are of each text.
Result<std::vector<Tensor>> EmbedTokens(InferCall& call, const EmbedRequest& request) {
  BANTAM_TRY(TokenVectors vectors, call.model->embedder->EmbedTokens(request.texts, request.role, request.call()));
  (void)TellOfTexts(request, vectors, call.reply);
  std::vector<int64_t> rows;
  for (const TokenVectors::Text& text : vectors.texts) rows.push_back(static_cast<int64_t>(text.token_ids.size()));
  const size_t num_texts = rows.size(), num_rows = vectors.values.size() / vectors.columns;
  return std::vector<Tensor>{
      {.name = "embedding", .shape = {num_rows, vectors.columns}, .values = std::move(vectors.values)},
      {.name = "rows", .shape = {num_texts}, .values = std::move(rows)}};
}

Result<std::vector<Tensor>> Embed(InferCall& call) {
  EmbedRequest request(call.http);
  request.model = call.model;
  const auto texts = call.Texts("text");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) return Err(ErrorCode::kInvalidArgument, "input \"text\": element {} is an empty text", i);
  }
  request.texts.assign(texts.begin(), texts.end());
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  std::string at;
  BANTAM_RETURN_IF_ERROR(ReadDimensions(parameters, request, at));
  BANTAM_RETURN_IF_ERROR(ReadPrompt(parameters, request, at));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(parameters, request.truncate, at));
  BANTAM_TRY(request.deadline, call.Deadline(parameters, call.context.request_timeout));
  Embedder& embedder = *call.model->embedder;
  if (embedder.sentence().multi_vector.on) return EmbedTokens(call, request);
  BANTAM_TRY(const EmbeddedTexts embedded, embedder.EmbedTexts(request.texts, request.call()));
  (void)TellOfTexts(request, embedded, call.reply);
  std::vector<float> values, changed;
  values.reserve(texts.size() * request.dimensions);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::span<const float> vector = FittedVector(embedded.vectors.row(i), request, changed);
    values.insert(values.end(), vector.begin(), vector.end());
  }
  return std::vector<Tensor>{
      {.name = "embedding", .shape = {texts.size(), request.dimensions}, .values = std::move(values)}};
}

std::vector<TensorOutput> SparseOutputs(const ServedModel*) {
  return {{.name = "weights", .datatype = "BYTES", .shape = {-1}}};
}

Result<std::vector<Tensor>> EmbedSparse(InferCall& call) {
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  SparseOptions options;
  WorkDone work(call.http);
  BANTAM_RETURN_IF_ERROR(SetLimits(call, parameters, work, options));
  const auto texts = call.Texts("text");
  BANTAM_TRY(const std::vector<SparseVector> vectors, call.model->sparse->Embed(texts, options));
  BANTAM_RETURN_IF_ERROR(TellRead(call, parameters, work, std::span(vectors), call.model->sparse->max_tokens()));
  Texts weights;
  for (const SparseVector& vector : vectors) weights.push_back(ToJson(WeightsJson(vector)));
  return std::vector<Tensor>{{.name = "weights", .shape = {texts.size()}, .values = std::move(weights)}};
}

// --------------------------------------------------------------------------------------------------------------- heads

std::vector<TensorOutput> RankOutputs(const ServedModel*) {
  return {{.name = "score", .datatype = "FP32", .shape = {-1}}};
}

Result<std::vector<Tensor>> Rank(InferCall& call) {
  BANTAM_RETURN_IF_ERROR(CheckPairs(call, "query", "text", true));
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  RankOptions options;
  BANTAM_TRY(options.function, ReadFunction(parameters));
  WorkDone work(call.http);
  BANTAM_RETURN_IF_ERROR(SetLimits(call, parameters, work, options));
  const auto queries = call.Texts("query"), texts = call.Texts("text");
  std::vector<TextInput> pairs;
  for (size_t i = 0; i < texts.size(); ++i) pairs.push_back({queries[queries.size() == 1 ? 0 : i], texts[i]});
  const Reranker& reranker = *call.model->reranker;
  BANTAM_TRY(const std::vector<RankedDocument> ranked, reranker.Score(pairs, options));
  BANTAM_RETURN_IF_ERROR(TellRead(call, parameters, work, std::span(ranked), reranker.model().max_tokens));
  std::vector<float> scores;
  for (const RankedDocument& document : ranked) scores.push_back(document.score);
  return std::vector<Tensor>{{.name = "score", .shape = {texts.size()}, .values = std::move(scores)}};
}

std::vector<TensorOutput> ClassifyOutputs(const ServedModel* model) {
  const std::vector<std::string>& labels = model->classifier->labels();
  return {
      {.name = "label", .datatype = "BYTES", .shape = {-1}},
      {.name = "score", .datatype = "FP32", .shape = {-1}},
      {.name = "scores", .datatype = "FP32", .shape = {-1, static_cast<int64_t>(labels.size())}, .labels = &labels}};
}

Result<std::vector<Tensor>> Classify(InferCall& call) {
  const auto texts = call.Texts("text"), pairs = call.Texts("text_pair");
  if (!pairs.empty()) BANTAM_RETURN_IF_ERROR(CheckPairs(call, "text", "text_pair", false));
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  ClassifyOptions options;
  BANTAM_TRY(options.function, ReadFunction(parameters));
  WorkDone work(call.http);
  BANTAM_RETURN_IF_ERROR(SetLimits(call, parameters, work, options));
  std::vector<TextInput> inputs;
  for (size_t i = 0; i < texts.size(); ++i) {
    TextInput& input = inputs.emplace_back(TextInput{texts[i]});
    if (!pairs.empty()) input.pair = pairs[i];
  }
  const Classifier& classifier = *call.model->classifier;
  BANTAM_TRY(const std::vector<Classification> answers, classifier.Classify(inputs, options));
  BANTAM_RETURN_IF_ERROR(TellRead(call, parameters, work, std::span(answers), classifier.model().max_tokens));
  Texts labels;
  std::vector<float> best, scores;
  for (const Classification& answer : answers) {
    labels.push_back(classifier.labels()[answer.best()]);
    best.push_back(answer.scores[answer.best()]);
    scores.insert(scores.end(), answer.scores.begin(), answer.scores.end());
  }
  return std::vector<Tensor>{
      {.name = "label", .shape = {texts.size()}, .values = std::move(labels)},
      {.name = "score", .shape = {texts.size()}, .values = std::move(best)},
      {.name = "scores", .shape = {texts.size(), classifier.labels().size()}, .values = std::move(scores)}};
}

std::vector<TensorOutput> TagOutputs(const ServedModel*) {
  return {{.name = "entities", .datatype = "BYTES", .shape = {-1}}};
}

Result<std::vector<Tensor>> Tag(InferCall& call) {
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  TagOptions options;
  BANTAM_TRY(const std::string aggregation, parameters.StringOr("aggregation_strategy", "simple"));
  BANTAM_TRY(options.aggregation, ParseAggregation(aggregation));
  WorkDone work(call.http);
  BANTAM_RETURN_IF_ERROR(SetLimits(call, parameters, work, options));
  const auto texts = call.Texts("text");
  BANTAM_TRY(const std::vector<TaggedText> tagged, call.model->tagger->Tag(Views(texts), options));
  Texts entities;
  size_t num_tokens = 0;
  for (const TaggedText& text : tagged) {
    entities.push_back(ToJson(EntitiesJson(text, options.aggregation)));
    num_tokens += text.num_tokens;
  }
  work.Tell(*call.model, num_tokens);
  return std::vector<Tensor>{{.name = "entities", .shape = {texts.size()}, .values = std::move(entities)}};
}

std::vector<TensorOutput> AnswerOutputs(const ServedModel*) {
  return {{.name = "answer", .datatype = "BYTES", .shape = {-1}}, {.name = "score", .datatype = "FP32", .shape = {-1}}};
}

Result<std::vector<Tensor>> Answer(InferCall& call) {
  BANTAM_RETURN_IF_ERROR(CheckPairs(call, "question", "context", true));
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  AnswerOptions options;
  BANTAM_TRY(options.may_have_no_answer, parameters.BoolOr("handle_impossible_answer", false));
  WorkDone work(call.http);
  BANTAM_RETURN_IF_ERROR(SetLimits(call, parameters, work, options));
  const auto questions = call.Texts("question"), contexts = call.Texts("context");
  std::vector<Question> asked;
  for (size_t i = 0; i < contexts.size(); ++i) {
    asked.push_back({questions[questions.size() == 1 ? 0 : i], contexts[i]});
  }
  BANTAM_TRY(const std::vector<AnsweredQuestion> answered, call.model->answerer->Answer(asked, options));
  Texts answers;
  std::vector<float> scores;
  size_t num_tokens = 0;
  for (const AnsweredQuestion& question : answered) {
    const bool none = question.answers.empty();
    answers.push_back(none ? "" : question.answers[0].text);
    scores.push_back(none ? 0 : question.answers[0].score);
    num_tokens += question.num_tokens;
  }
  work.Tell(*call.model, num_tokens);
  return std::vector<Tensor>{{.name = "answer", .shape = {contexts.size()}, .values = std::move(answers)},
                             {.name = "score", .shape = {contexts.size()}, .values = std::move(scores)}};
}

constexpr TensorTask kEmbedTask{kText, -1, EmbedOutputs, Embed}, kSparseTask{kText, -1, SparseOutputs, EmbedSparse},
    kRankTask{kQueryAndText, -1, RankOutputs, Rank}, kClassifyTask{kTextOrPair, -1, ClassifyOutputs, Classify},
    kTagTask{kText, -1, TagOutputs, Tag}, kAnswerTask{kQuestionAndContext, -1, AnswerOutputs, Answer};

}  // namespace

// What a model is made for comes first: a cross-encoder is a classifier of one label, too.
const TensorTask& TensorTaskOf(const ServedModel& model) {
  if (model.generator != nullptr) return kGenerateTask;
  if (model.embedder != nullptr) return kEmbedTask;
  if (model.reranker != nullptr) return kRankTask;
  if (model.classifier != nullptr) return kClassifyTask;
  if (model.tagger != nullptr) return kTagTask;
  return model.answerer != nullptr ? kAnswerTask : kSparseTask;
}

}  // namespace bantam
