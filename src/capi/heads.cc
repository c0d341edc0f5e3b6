// bantam_model_classify, _rerank and _tag: what a head on top of the encoder says.
#include <span>

#include "capi/byte_offsets.h"
#include "capi/call.h"
#include "capi/handles.h"

namespace bantam::capi {
namespace {

// Inputs at one time, as for embeddings.
constexpr size_t kInputsAtOnce = 1024;
constexpr size_t kMaxDocuments = 100'000;

struct Tags : bantam_tags {
  TaggedText own;
  std::vector<bantam_tagged_span> list;
};

template <typename Task>
Result<const Task*> TaskOf(const bantam_model* model, const Task* task, std::string_view head) {
  if (model->heads == nullptr) {
    return Err(ErrorCode::kUnsupported,
               "\"{}\" was loaded for embeddings: load it with task = BANTAM_TASK_HEAD to use its head",
               model->info.name);
  }
  if (task == nullptr) return model->heads->model.NoSuchHead(head);
  return task;
}

Result<std::optional<ScoreFunction>> ReadFunction(bantam_score_function function) {
  switch (function) {
    case BANTAM_SCORE_DEFAULT:
      return std::optional<ScoreFunction>();
    case BANTAM_SCORE_SOFTMAX:
      return std::optional(ScoreFunction::kSoftmax);
    case BANTAM_SCORE_SIGMOID:
      return std::optional(ScoreFunction::kSigmoid);
    case BANTAM_SCORE_NONE:
      return std::optional(ScoreFunction::kNone);
  }
  return Err(ErrorCode::kInvalidArgument, "function is {}: give one of the BANTAM_SCORE_ constants",
             static_cast<int>(function));
}

Result<Aggregation> ReadAggregation(bantam_aggregation aggregation) {
  switch (aggregation) {
    case BANTAM_AGGREGATION_SIMPLE:
      return Aggregation::kSimple;
    case BANTAM_AGGREGATION_FIRST:
      return Aggregation::kFirst;
    case BANTAM_AGGREGATION_AVERAGE:
      return Aggregation::kAverage;
    case BANTAM_AGGREGATION_MAX:
      return Aggregation::kMax;
    case BANTAM_AGGREGATION_NONE:
      return Aggregation::kNone;
  }
  return Err(ErrorCode::kInvalidArgument, "aggregation is {}: give one of the BANTAM_AGGREGATION_ constants",
             static_cast<int>(aggregation));
}

Result<std::vector<TextInput>> ReadInputs(std::span<const bantam_input> inputs, size_t first) {
  std::vector<TextInput> texts;
  texts.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bantam_input& input = inputs[i];
    const std::string name = fmt::format("inputs[{}]", first + i);
    TextInput text;
    BANTAM_TRY(text.text, ReadText(input.text.data, input.text.size, name));
    if (input.pair.data != nullptr) {
      BANTAM_TRY(text.pair, ReadText(input.pair.data, input.pair.size, name + ".pair"));
    }
    texts.push_back(text);
  }
  return texts;
}

Status Classify(bantam_model* model, const bantam_input* inputs, size_t num_inputs,
                const bantam_classify_options* given, float* scores, size_t capacity, bantam_text_info* infos) {
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  BANTAM_TRY(const auto* classifier,
             TaskOf(model, model->heads ? model->heads->classifier.get() : nullptr, "sequence-classification"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_classify_options, timeout_ms), "bantam_classify_options"));
  ClassifyOptions classify{.deadline = DeadlineAfter(options.timeout_ms)};
  BANTAM_TRY(classify.function, ReadFunction(options.function));
  if (num_inputs == 0) return Ok();
  BANTAM_RETURN_IF_ERROR(NotNull(inputs, "inputs"));
  BANTAM_RETURN_IF_ERROR(NotNull(scores, "scores"));
  const size_t num_labels = classifier->labels().size();
  if (capacity / num_labels < num_inputs) {
    return Err(ErrorCode::kInvalidArgument, "\"scores\" has room for {} floats, {} inputs need {} each", capacity,
               num_inputs, num_labels);
  }
  const LogScope log(model->log);
  const std::span all(inputs, num_inputs);
  for (size_t begin = 0; begin < num_inputs; begin += kInputsAtOnce) {
    const auto some = all.subspan(begin, std::min(kInputsAtOnce, num_inputs - begin));
    BANTAM_TRY(const std::vector<TextInput> texts, ReadInputs(some, begin));
    BANTAM_TRY(const std::vector<Classification> answers, classifier->Classify(texts, classify));
    for (size_t i = 0; i < answers.size(); ++i) {
      std::ranges::copy(answers[i].scores, scores + (begin + i) * num_labels);
      if (infos != nullptr) {
        infos[begin + i] = {static_cast<uint32_t>(answers[i].num_tokens), answers[i].truncated ? 1U : 0U};
      }
    }
  }
  return Ok();
}

Status Rerank(bantam_model* model, const char* query, size_t query_size, const bantam_text* documents,
              size_t num_documents, const bantam_rerank_options* given, bantam_document* results, size_t capacity,
              size_t* num_results) {
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  BANTAM_RETURN_IF_ERROR(NotNull(num_results, "num_results"));
  BANTAM_TRY(const auto* reranker, TaskOf(model, model->heads ? model->heads->reranker.get() : nullptr, "re-ranking"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_rerank_options, timeout_ms), "bantam_rerank_options"));
  RankOptions rank{.top_n = options.top_n, .deadline = DeadlineAfter(options.timeout_ms)};
  BANTAM_TRY(rank.function, ReadFunction(options.function));
  if (num_documents > kMaxDocuments) {
    return Err(ErrorCode::kTooLarge, "{} documents: at most {} at one time", num_documents, kMaxDocuments);
  }
  const size_t wanted = options.top_n == 0 ? num_documents : std::min(options.top_n, num_documents);
  if (num_documents > 0) {
    BANTAM_RETURN_IF_ERROR(NotNull(documents, "documents"));
    BANTAM_RETURN_IF_ERROR(NotNull(results, "results"));
  }
  if (capacity < wanted) {
    return Err(ErrorCode::kInvalidArgument, "\"results\" has room for {}, there will be {}", capacity, wanted);
  }
  BANTAM_TRY(const std::string_view question, ReadText(query, query_size, "query"));
  std::vector<std::string_view> texts;
  for (size_t i = 0; i < num_documents; ++i) {
    BANTAM_TRY(const std::string_view text,
               ReadText(documents[i].data, documents[i].size, fmt::format("documents[{}]", i)));
    texts.push_back(text);
  }
  size_t count = 0;
  if (num_documents > 0) {
    const LogScope log(model->log);
    BANTAM_TRY(const Ranking ranking, reranker->Rank(question, texts, rank));
    for (const RankedDocument& document : ranking.results) {
      results[count++] = {.index = document.index,
                          .score = document.score,
                          .num_tokens = static_cast<uint32_t>(document.num_tokens),
                          .truncated = document.truncated ? 1U : 0U,
                          .reserved = 0};
    }
  }
  *num_results = count;
  return Ok();
}

Status Tag(bantam_model* model, const char* text, size_t text_size, const bantam_tag_options* given,
           bantam_tags** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  BANTAM_TRY(const auto* tagger,
             TaskOf(model, model->heads ? model->heads->tagger.get() : nullptr, "token-classification"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_tag_options, timeout_ms), "bantam_tag_options"));
  TagOptions tag{.deadline = DeadlineAfter(options.timeout_ms)};
  BANTAM_TRY(tag.aggregation, ReadAggregation(options.aggregation));
  if (options.keep_outside != 0) tag.ignored_labels.clear();
  BANTAM_TRY(const std::string_view view, ReadText(text, text_size, "text"));
  const LogScope log(model->log);
  BANTAM_TRY(std::vector<TaggedText> tagged, tagger->Tag(std::span(&view, 1), tag));
  auto tags = std::make_unique<Tags>();
  tags->own = std::move(tagged.front());
  const ByteOffsets bytes(options.code_points != 0 ? std::string_view() : view);
  const auto at = [&](uint32_t code_point) { return options.code_points != 0 ? code_point : bytes.At(code_point); };
  for (const TaggedSpan& span : tags->own.spans) {
    tags->list.push_back({span.label.c_str(), span.word.c_str(), at(span.begin), at(span.end), span.score});
  }
  static_cast<bantam_tags&>(*tags) = {.struct_size = sizeof(bantam_tags),
                                      .num_spans = tags->list.size(),
                                      .spans = tags->list.data(),
                                      .num_tokens = tags->own.num_tokens,
                                      .num_windows = tags->own.num_windows};
  *out = tags.release();
  return Ok();
}

}  // namespace
}  // namespace bantam::capi

using namespace bantam::capi;

extern "C" {

bantam_status bantam_model_classify(bantam_model* model, const bantam_input* inputs, size_t num_inputs,
                                    const bantam_classify_options* options, float* scores, size_t capacity,
                                    bantam_text_info* infos) {
  return Call([&] { return Classify(model, inputs, num_inputs, options, scores, capacity, infos); });
}

bantam_status bantam_model_rerank(bantam_model* model, const char* query, size_t query_size,
                                  const bantam_text* documents, size_t num_documents,
                                  const bantam_rerank_options* options, bantam_document* results, size_t capacity,
                                  size_t* num_results) {
  return Call([&] {
    return Rerank(model, query, query_size, documents, num_documents, options, results, capacity, num_results);
  });
}

bantam_status bantam_model_tag(bantam_model* model, const char* text, size_t text_size,
                               const bantam_tag_options* options, bantam_tags** out) {
  return Call([&] { return Tag(model, text, text_size, options, out); });
}

void bantam_tags_free(bantam_tags* tags) { delete static_cast<Tags*>(tags); }
}
