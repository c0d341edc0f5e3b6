// What models that write text, and the assistant, do with tensors.
#include <array>
#include <stop_token>

#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/chat_request.h"
#include "api/endpoints/generate_request.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/tensor_task.h"
#include "api/endpoints/token_clock.h"
#include "api/work_done.h"
#include "route/router.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

constexpr int64_t kDefaultTokens = 16;  // that of /v1/completions
constexpr int64_t kMostTokens = int64_t{1} << 24;
constexpr std::array kText = {TensorInput{"text"}};

std::vector<TensorOutput> GenerateOutputs(const ServedModel*) {
  return {{.name = "text", .datatype = "BYTES", .shape = {-1}},
          {.name = "finish_reason", .datatype = "BYTES", .shape = {-1}}};
}

// A text is the prompt as it stands, as at /v1/completions, or with "chat" what a user says.
Status MakePrompt(const Generator& generator, const std::string& text, bool chat, GenerateCall& call) {
  if (!chat) {
    call.prompt_ids =
        generator.tokenizer().Encode(text, {.add_special_tokens = true, .recognize_special_tokens = true}).ids;
    return Ok();
  }
  if (!generator.can_chat()) {
    return Err(ErrorCode::kInvalidArgument, "\"chat\" is true, but {} cannot chat: {}", generator.model_name(),
               generator.chat_template().error().message);
  }
  ChatInput input;
  input.add_generation_prompt = true;
  std::string at;
  const json::array messages{json::object{{"role", "user"}, {"content", text}}};
  return MakeChatPrompt(generator, {.messages = messages}, input, call, at);
}

Result<std::vector<GenerateCall>> ReadCalls(const InferCall& call) {
  BANTAM_TRY(const JsonObject parameters, call.Parameters());
  const Generator& generator = *call.model->generator;
  std::string at;
  GenerateCall each;
  BANTAM_RETURN_IF_ERROR(ReadSampling(parameters, call.context, call.http, each, at));
  BANTAM_RETURN_IF_ERROR(ReadAdapters(parameters, *call.model, each, at));
  BANTAM_TRY(each.constraint, ReadHeldOutput(parameters, generator, at));
  BANTAM_TRY(const int64_t tokens, parameters.IntOr("max_tokens", kDefaultTokens, 1, kMostTokens));
  each.max_tokens = static_cast<int>(tokens);
  BANTAM_TRY(const bool chat, parameters.BoolOr("chat", false));
  BANTAM_TRY(const MonotonicTime deadline, call.Deadline(parameters, call.context.text_timeout));
  each.deadline = std::min(each.deadline, deadline);
  const auto texts = call.Texts("text");
  if (texts.size() > kMaxTextsOfARequest) {
    return Err(ErrorCode::kInvalidArgument, "input \"text\" has {} texts, {} writes at most {} in one request",
               texts.size(), call.model->name, kMaxTextsOfARequest);
  }
  std::vector<GenerateCall> calls;
  for (size_t i = 0; i < texts.size(); ++i) {
    GenerateCall& own = calls.emplace_back(each);
    BANTAM_RETURN_IF_ERROR(MakePrompt(generator, texts[i], chat, own));
    if (Status fits = CheckLength(generator, own.prompt_ids->size()); !fits) {
      return Err(fits.error().code, "input \"text\", element {}: {}", i, fits.error().message);
    }
  }
  return calls;
}

Result<std::vector<Tensor>> Generate(InferCall& call) {
  BANTAM_TRY(const std::vector<GenerateCall> calls, ReadCalls(call));
  WorkDone work(call.http);
  work.Submitted();
  BANTAM_TRY(const std::unique_ptr<TextStream> stream, call.model->generator->Start(calls, WakeAt::kEnd));
  const std::stop_callback at_stop(call.http.stop, [&] { stream->Cancel(); });
  std::vector<std::string> texts(calls.size()), reasons(calls.size());
  std::vector<TokenClock> clocks(calls.size());
  int64_t num_written = 0;
  while (true) {
    BANTAM_TRY(const std::optional<TextEvent> event, stream->Next());
    if (!event) break;
    const auto i = static_cast<size_t>(event->index);
    clocks[i].Hear(call.context.metrics, call.model->name, call.http.received, *event);
    texts[i] += event->text;
    if (!event->end) continue;
    reasons[i] = FinishReasonName(event->end->reason);
    num_written += event->end->summary.generated_tokens;
  }
  if (num_written == 0) return Err(ErrorCode::kDeadline, "the request's time was over before a token was written");
  if (const auto turn = stream->began()) work.Began(*turn);
  work.Tell(*call.model, static_cast<size_t>(stream->prompt_tokens()));
  work.TellEnd(num_written);
  return std::vector<Tensor>{{.name = "text", .shape = {calls.size()}, .values = std::move(texts)},
                             {.name = "finish_reason", .shape = {calls.size()}, .values = std::move(reasons)}};
}

// ------------------------------------------------------------------------------------------------------- the assistant

std::vector<TensorOutput> AssistantOutputs(const ServedModel*) {
  return {{.name = "route", .datatype = "BYTES", .shape = {1}},
          {.name = "p_correct", .datatype = "FP32", .shape = {1}},
          {.name = "decision", .datatype = "BYTES", .shape = {1}},
          {.name = "answer", .datatype = "BYTES", .shape = {1}}};
}

// As a chat of one message: parameters are what a chat's fields are, and "session_id".
Result<AssistantRequest> ReadQuestion(const InferCall& call) {
  const std::string& text = call.Texts("text").front();
  if (!HoldsText(call.router->embedder().tokenizer(), text)) {
    return Err(ErrorCode::kInvalidArgument, "input \"text\" holds no text");
  }
  json::object chat = call.request.parameters.get_object();
  chat["model"] = call.router->file().name;
  chat["messages"] = json::array{json::object{{"role", "user"}, {"content", text}}};
  if (const json::value* session = chat.if_contains("session_id")) {
    chat["metadata"] = json::object{{"session_id", *session}};
  }
  const json::value document = std::move(chat);
  BANTAM_TRY(const JsonObject body, JsonObject::From(document, "parameters"));
  std::string at;
  BANTAM_TRY(AssistantCall read, ReadChatCall(*call.router, body, at));
  BANTAM_RETURN_IF_ERROR(ReadWhoAsks(call.context, body, call.http, read.request, at));
  BANTAM_TRY(read.request.deadline, call.Deadline(body, call.context.request_timeout));
  return std::move(read.request);
}

Result<std::vector<Tensor>> Ask(InferCall& call) {
  BANTAM_TRY(const AssistantRequest request, ReadQuestion(call));
  const WorkDone work(call.http);
  work.TellModel(call.router->file().name, call.router->embedder().weights_sha256());
  BANTAM_TRY(AssistantAnswer answer, call.router->Answer(request, {}));
  work.TellCache(answer.cache_hit);
  Metrics& metrics = call.context.metrics;
  if (answer.source == AnswerSource::kLocalModel) metrics.CountLayers(answer.exit_layer);
  metrics.CountDecision(AnswerSourceName(answer.source), DecisionKindName(answer.decision), answer.latency_ms);
  using Texts = std::vector<std::string>;
  const auto p = static_cast<float>(answer.p_correct.value_or(static_cast<double>(answer.confidence)));
  return std::vector<Tensor>{
      {.name = "route", .shape = {1}, .values = Texts{std::move(answer.route)}},
      {.name = "p_correct", .shape = {1}, .values = std::vector<float>{p}},
      {.name = "decision", .shape = {1}, .values = Texts{std::string(DecisionKindName(answer.decision))}},
      {.name = "answer", .shape = {1}, .values = Texts{std::move(answer.text)}}};
}

}  // namespace

constinit const TensorTask kGenerateTask{kText, -1, GenerateOutputs, Generate},
    kAssistantTask{kText, 1, AssistantOutputs, Ask};

}  // namespace bantam
