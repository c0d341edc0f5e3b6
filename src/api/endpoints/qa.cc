// POST /v1/qa: the stretches of a text that answer a question, by a model with a question-answering head.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"

namespace bantam {
namespace {

Result<std::string> Answer(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(
      const ServedModelPtr model,
      FindAble(context, body, "answer questions", [](const ServedModel& m) { return m.answerer != nullptr; }, at));
  at = "question";
  BANTAM_TRY(const std::string question, body.String("question"));
  at = "context";
  BANTAM_TRY(const std::string text, body.String("context"));
  AnswerOptions options;
  at = "top_k";
  BANTAM_TRY(const int64_t top_k, body.IntOr("top_k", 1, 1, 1000));
  options.top_k = static_cast<size_t>(top_k);
  at = "max_answer_len";
  BANTAM_TRY(const int64_t longest,
             body.IntOr("max_answer_len", static_cast<int64_t>(options.max_answer_tokens), 1, 512));
  options.max_answer_tokens = static_cast<size_t>(longest);
  at = "max_seq_len";
  BANTAM_TRY(const int64_t window,
             body.IntOr("max_seq_len", static_cast<int64_t>(options.max_tokens), 8, int64_t{1} << 20));
  options.max_tokens = static_cast<size_t>(window);
  at = "doc_stride";
  if (body.Has("doc_stride")) {
    BANTAM_TRY(const int64_t stride, body.Int("doc_stride", 0, int64_t{1} << 20));
    options.stride = static_cast<size_t>(stride);
  }
  at = "handle_impossible_answer";
  BANTAM_TRY(options.may_have_no_answer, body.BoolOr("handle_impossible_answer", false));
  at = "align_to_words";
  BANTAM_TRY(options.align_to_words, body.BoolOr("align_to_words", true));
  BANTAM_TRY(options.deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  options.times = &work.engine;
  const Question asked[] = {{question, text}};
  BANTAM_TRY(const std::vector<AnsweredQuestion> answered, model->answerer->Answer(asked, options));
  work.Tell(*model, answered[0].num_tokens);
  json::object reply{{"id", "qa-" + request.request_id},
                     {"model", model->name},
                     {"answers", AnswersJson(answered[0])},
                     {"windows", answered[0].num_windows},
                     {"usage", {{"prompt_tokens", answered[0].num_tokens}, {"total_tokens", answered[0].num_tokens}}}};
  return ToJson(reply);
}

}  // namespace

void HandleQa(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Answer(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
