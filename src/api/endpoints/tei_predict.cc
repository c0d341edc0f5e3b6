// POST /predict, as Text Embeddings Inference takes and answers it: a text, a pair of texts, or a list of either.
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tei_request.h"
#include "api/task_json.h"
#include "api/work_done.h"
#include "base/text_util.h"

namespace bantam {
namespace {

struct PredictRequest {
  ServedModelPtr model;
  std::vector<TextOrPair> inputs;
  bool single = false;  // answered with one list
  bool truncate = true;
  ClassifyOptions options;
};

// A text by itself, in a list alone, or two in a list: ["a", "b"] is a pair, not a batch.
Result<TextOrPair> ReadItem(const json::value& value, std::string_view place) {
  const json::array* list = value.if_array();
  const std::span<const json::value> texts =
      list == nullptr ? std::span(&value, 1) : std::span<const json::value>(*list);
  const bool fits = !texts.empty() && texts.size() <= 2 &&
                    std::ranges::all_of(texts, [](const json::value& text) { return text.is_string(); });
  if (!fits) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a text, a list of one, or a pair of texts", place,
               EscapeForTerminal(ToJson(value), 80));
  }
  TextOrPair out{.text = std::string(texts[0].get_string()), .pair = std::nullopt};
  if (texts.size() == 2) out.pair = std::string(texts[1].get_string());
  return out;
}

Status ReadInputs(const JsonObject& body, PredictRequest& parsed) {
  const json::value* inputs = body.Find("inputs");
  if (inputs == nullptr) return Err(ErrorCode::kInvalidArgument, "\"inputs\" is missing: a text, a pair, or a list");
  const json::array* list = inputs->if_array();
  parsed.single = list == nullptr || (!list->empty() && list->front().is_string());
  if (parsed.single) {
    BANTAM_TRY(parsed.inputs.emplace_back(), ReadItem(*inputs, "inputs"));
    return Ok();
  }
  if (list->empty() || list->size() > kMaxInputs) {
    return Err(ErrorCode::kInvalidArgument, "\"inputs\" has {} texts, expected 1 to {}", list->size(), kMaxInputs);
  }
  for (size_t i = 0; i < list->size(); ++i) {
    BANTAM_TRY(parsed.inputs.emplace_back(), ReadItem((*list)[i], fmt::format("inputs[{}]", i)));
  }
  return Ok();
}

Result<PredictRequest> Parse(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  PredictRequest parsed;
  // Without "model" a cross-encoder, whose one label says how well two texts fit, is what is meant only if nothing else
  // is there.
  const auto can = [](const ServedModel& model) { return model.classifier != nullptr; };
  const auto tells_apart = [](const ServedModel& model) {
    return model.classifier != nullptr && model.reranker == nullptr;
  };
  const bool any = body.Has("model") || context.NamesOf(tells_apart) == "none";
  BANTAM_TRY(parsed.model,
             any ? FindAble(context, body, "classify", can, at) : FindAble(context, body, "classify", tells_apart, at));
  BANTAM_RETURN_IF_ERROR(ReadInputs(body, parsed));
  BANTAM_TRY(const bool raw, body.BoolOr("raw_scores", false));
  if (raw) parsed.options.function = ScoreFunction::kNone;
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.truncate, at));
  BANTAM_TRY(parsed.options.deadline, DeadlineOf(context, request, at));
  return parsed;
}

Result<HttpReply> Answer(const PredictRequest& request, const WorkDone& work) {
  std::vector<TextInput> texts;
  for (const TextOrPair& input : request.inputs) texts.push_back({input.text, input.pair});
  const Classifier& classifier = *request.model->classifier;
  BANTAM_TRY(const std::vector<Classification> answers, classifier.Classify(texts, request.options));
  json::array lists;
  size_t num_truncated = 0, tokens = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].truncated && !request.truncate) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"inputs[{}]\" is longer than the {} tokens that {} reads, and \"truncate\" is false", i,
                 classifier.model().max_tokens, request.model->name);
    }
    num_truncated += answers[i].truncated;
    tokens += answers[i].num_tokens;
    lists.push_back(LabelsJson(answers[i], classifier.labels(), 0));
  }
  HttpReply reply;
  reply.body = ToJson(request.single ? lists.front() : json::value(std::move(lists)));
  work.Tell(*request.model, tokens);
  TellTruncated(num_truncated, reply);
  return reply;
}

}  // namespace

void HandleTeiPredict(ApiContext& context, const HttpRequest& request, Responder& responder) {
  auto parsed = Parse(context, request);
  if (!parsed) return responder.Send(TeiRefusal(parsed.error(), request));
  WorkDone work(request);
  parsed->options.times = &work.engine;
  auto reply = Answer(*parsed, work);
  responder.Send(reply ? *std::move(reply) : ErrorReply(ApiFamily::kTei, reply.error()));
}

}  // namespace bantam
