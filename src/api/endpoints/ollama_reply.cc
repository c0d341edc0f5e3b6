#include "api/endpoints/ollama_reply.h"

#include <algorithm>
#include <stop_token>

#include "api/endpoints/generate_json.h"
#include "api/endpoints/ollama_json.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/text_thread.h"
#include "api/endpoints/thought_splitter.h"
#include "api/endpoints/token_clock.h"
#include "api/endpoints/tool_reply.h"
#include "api/error_map.h"
#include "api/work_done.h"

namespace bantam {
namespace {

// What one line says, or all of them together.
struct Said {
  std::string text, thought;
  json::array calls, logprobs;

  bool empty() const { return text.empty() && thought.empty() && calls.empty(); }
};

json::object Line(const OllamaText& request, Said said) {
  json::object line{{"model", request.asked_model}, {"created_at", OllamaTime()}};
  if (request.chat) {
    json::object message{{"role", "assistant"}, {"content", std::move(said.text)}};
    if (!said.thought.empty()) message["thinking"] = std::move(said.thought);
    if (!said.calls.empty()) message["tool_calls"] = std::move(said.calls);
    line["message"] = std::move(message);
  } else {
    line["response"] = std::move(said.text);
    if (!said.thought.empty()) line["thinking"] = std::move(said.thought);
  }
  if (!said.logprobs.empty()) line["logprobs"] = std::move(said.logprobs);
  line["done"] = false;
  return line;
}

// One request, on the thread that waits for its text.
class Exchange {
 public:
  Exchange(ApiContext& context, const HttpRequest& http, Responder& responder, const OllamaText& request,
           WorkDone& work)
      : context_(context),
        http_(http),
        responder_(responder),
        request_(request),
        work_(work),
        bytes_(request.model->generator->tokenizer()),
        thoughts_(request.thought_opening, request.thought_closing, request.in_thought) {
    if (request.tools != nullptr) calls_.emplace(request.model->generator->tool_use()->format(), *request.tools);
  }

  void Run() {
    if (Gone()) return;  // it waited, and gave up
    auto started = request_.model->generator->Start(request_.call);
    if (!started) return Fail(started.error());
    const std::unique_ptr<TextStream> stream = *std::move(started);
    prompt_tokens_ = static_cast<size_t>(stream->prompt_tokens());
    // Within one step of the engine nothing more is computed for a client that is gone.
    const auto cancel = [&] { stream->Cancel(); };
    const std::stop_callback at_stop(http_.stop, cancel);
    std::optional<TextEnd> end;
    while (true) {
      Result<std::optional<TextEvent>> event = stream->Next();
      if (!event) return Fail(event.error());
      if (!*event) break;
      if ((*event)->end) end = (*event)->end;
      if (const auto turn = stream->began(); turn && !begun_) work_.Began(*turn);
      if (end && end->reason == FinishReason::kDeadline && end->summary.generated_tokens == 0) {
        return Fail(Err(ErrorCode::kDeadline, "the request's time was over before a token was written"));
      }
      if (!Hear(**event)) return;  // the stream's end cancels the rest
    }
    if (end) Finish(*end);
  }

 private:
  // False: the client is gone.
  bool Hear(const TextEvent& event) {
    clock_.Hear(context_.metrics, request_.model->name, http_.received, event.tokens.size());
    if (request_.gives_context) {
      for (const TokenChoice& token : event.tokens) ids_.emplace_back(token.id);
    }
    Said said = Part(event);
    if (request_.stream) return said.empty() && said.logprobs.empty() ? true : Write(Line(request_, std::move(said)));
    all_.text += said.text;
    all_.thought += said.thought;
    std::ranges::move(said.calls, std::back_inserter(all_.calls));
    std::ranges::move(said.logprobs, std::back_inserter(all_.logprobs));
    return true;
  }

  Said Part(const TextEvent& event) {
    Said said;
    ThoughtSplitter::Parts parts = thoughts_.Read(event.text, event.end.has_value());
    said.thought = std::move(parts.thought);
    said.text = calls_ ? calls_->Read(parts.said, event.end.has_value()) : std::move(parts.said);
    if (calls_) said.calls = NewCalls();
    if (request_.logprobs) said.logprobs = TokenLogprobs(bytes_, event.tokens);
    return said;
  }

  // Calls come whole, with arguments that are an object.
  json::array NewCalls() {
    json::array calls;
    (void)calls_->TakeDeltas();
    for (; told_calls_ < calls_->num_complete(); ++told_calls_) {
      const json::object& call = calls_->calls()[told_calls_].as_object();
      const json::object& function = call.at("function").as_object();
      auto arguments = ParseJson(std::string_view(function.at("arguments").as_string()), "arguments");
      calls.push_back(json::object{
          {"id", call.at("id")},
          {"function",
           {{"index", told_calls_},
            {"name", function.at("name")},
            {"arguments", arguments && arguments->is_object() ? *std::move(arguments) : json::object{}}}}});
    }
    return calls;
  }

  void Finish(const TextEnd& end) {
    json::object line = Line(request_, request_.stream ? Said{} : std::move(all_));
    line["done"] = true;
    line["done_reason"] = FinishReasonName(end.reason);
    if (request_.gives_context) line["context"] = Context(end);
    const bool any = clock_.first() != MonotonicTime{};
    const MonotonicTime now = MonotonicNow();
    line["total_duration"] = Nanoseconds(now - http_.received);
    line["load_duration"] = Nanoseconds(started_ - http_.received);  // no loading, but what comes before the prompt
    line["prompt_eval_count"] = end.summary.prompt_tokens;
    line["prompt_eval_duration"] = Nanoseconds((any ? clock_.first() : now) - started_);
    line["eval_count"] = end.summary.generated_tokens;
    line["eval_duration"] = any ? Nanoseconds(clock_.last() - clock_.first()) : 0;
    if (request_.stream) {
      const bool written = Write(line);
      work_.TellEnd(end.summary.generated_tokens);
      if (written) responder_.End();
      return;
    }
    TellWork();
    work_.TellEnd(end.summary.generated_tokens);
    HttpReply reply{.status = 200, .content_type = "application/json", .body = ToJson(line), .headers = {}};
    AddHeaders(reply);
    responder_.Send(std::move(reply));
  }

  // Prompt and text, the token that ended it with them: what a next request goes on from.
  json::array Context(const TextEnd& end) {
    const std::vector<int32_t>& prompt = *request_.call.prompt_ids;
    json::array ids(prompt.begin(), prompt.end());
    std::ranges::move(ids_, std::back_inserter(ids));
    if (end.reason == FinishReason::kStop && end.summary.stop_id >= 0) ids.emplace_back(end.summary.stop_id);
    return ids;
  }

  void TellWork() const { work_.Tell(*request_.model, prompt_tokens_); }
  void AddHeaders(HttpReply& reply) const { TellTruncated(request_.dropped_messages, reply); }

  // The head goes out with the first line: until then a refusal can still be a status. A blank line would be one that
  // clients cannot read, so that nothing keeps a silent stream warm.
  bool Write(const json::object& line) {
    if (!begun_) {
      begun_ = true;
      TellWork();
      HttpReply head{.status = 200, .content_type = "application/x-ndjson", .body = {}, .headers = {}};
      head.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
      AddHeaders(head);
      responder_.BeginStream(std::move(head));
    }
    return responder_.Write(ToJson(line) + "\n");
  }

  bool Gone() const { return http_.stop.stop_requested(); }
  void Fail(const Error& error) {
    if (begun_) {
      responder_.Write(ErrorBody(ApiFamily::kOllama, error) + "\n");
      return responder_.End();
    }
    if (Gone()) return;  // the responder tells whoever still reads
    responder_.Send(ErrorReply(ApiFamily::kOllama, error, {}, request_.model->generator->engine().RetryAfter()));
  }

  ApiContext& context_;
  const HttpRequest& http_;
  Responder& responder_;
  const OllamaText& request_;
  WorkDone& work_;
  const TokenBytes bytes_;
  ThoughtSplitter thoughts_;
  std::optional<ToolReply> calls_;  // where functions may be called
  size_t told_calls_ = 0;
  TokenClock clock_;
  Said all_;         // of a reply in one piece
  json::array ids_;  // of the text, where they are told
  const MonotonicTime started_ = MonotonicNow();
  size_t prompt_tokens_ = 0;
  bool begun_ = false;
};

HttpReply Loaded(const OllamaText& text) {
  json::object line = Line(text, {});
  line["done"] = true;
  line["done_reason"] = text.unloads ? "unload" : "load";
  return {.status = 200, .content_type = "application/json", .body = ToJson(line), .headers = {}};
}

}  // namespace

void AnswerOllamaText(ApiContext& context, const HttpRequest& http, Responder& responder, Result<OllamaText> text,
                      const std::string& at) {
  if (!text) return responder.Send(ErrorReply(ApiFamily::kOllama, text.error(), at));
  if (text->only_loads) return responder.Send(Loaded(*text));
  const auto shared = std::make_shared<const OllamaText>(*std::move(text));
  const auto work = std::make_shared<WorkDone>(http);
  work->Submitted();
  RunOnTextThread(
      context, http, responder, ApiFamily::kOllama, shared->model->generator->engine().RetryAfter(),
      [&context, &http, shared, work](Responder& own) { Exchange(context, http, own, *shared, *work).Run(); });
}

}  // namespace bantam
