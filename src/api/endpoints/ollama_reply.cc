#include "api/endpoints/ollama_reply.h"

#include <algorithm>

#include "api/endpoints/generate_json.h"
#include "api/endpoints/ollama_json.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/text_exchange.h"
#include "api/error_map.h"

namespace bantam {
namespace {

// What one line says, or all of them together.
struct Said {
  std::string text = {}, thought = {};
  json::array calls = {}, logprobs = {};

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

// In lines of JSON, or in one object.
class OllamaWriter final : public TextWriter {
 public:
  OllamaWriter(const HttpRequest& http, Responder& responder, const OllamaText& request)
      : http_(http), responder_(responder), request_(request), bytes_(request.model->generator->tokenizer()) {}

  bool begun() const override { return begun_; }
  bool streams() const override { return request_.stream; }

  bool Add(TextPart part) override {
    if (request_.gives_context) {
      for (const TokenChoice& token : part.tokens) ids_.emplace_back(token.id);
    }
    Said said{.text = std::move(part.said), .thought = std::move(part.thought), .calls = NewCalls(part)};
    if (request_.logprobs) said.logprobs = TokenLogprobs(bytes_, part.tokens);
    if (request_.stream) return said.empty() && said.logprobs.empty() ? true : Write(Line(request_, std::move(said)));
    all_.text += said.text;
    all_.thought += said.thought;
    std::ranges::move(said.calls, std::back_inserter(all_.calls));
    std::ranges::move(said.logprobs, std::back_inserter(all_.logprobs));
    return true;
  }

  void Finish(const TextResult& result) override {
    const TextEnd& end = result.end;
    json::object line = Line(request_, request_.stream ? Said{} : std::move(all_));
    line["done"] = true;
    line["done_reason"] = FinishReasonName(end.reason);
    if (request_.gives_context) line["context"] = Context(end);
    const bool any = result.first != MonotonicTime{};
    const MonotonicTime now = MonotonicNow();
    line["total_duration"] = Nanoseconds(now - http_.received);
    // No loading, but what comes before the prompt.
    line["load_duration"] = Nanoseconds(result.started - http_.received);
    line["prompt_eval_count"] = end.summary.prompt_tokens;
    line["prompt_eval_duration"] = Nanoseconds((any ? result.first : now) - result.started);
    line["eval_count"] = end.summary.generated_tokens;
    line["eval_duration"] = any ? Nanoseconds(result.last - result.first) : 0;
    if (request_.stream) {
      if (Write(line)) responder_.End();
      return;
    }
    HttpReply reply{.status = 200, .content_type = "application/json", .body = ToJson(line), .headers = {}};
    TellTruncated(request_.dropped_messages, reply);
    responder_.Send(std::move(reply));
  }

  void Fail(const Error& error, int retry_after_s) override {
    if (!begun_) return responder_.Send(ErrorReply(ApiFamily::kOllama, error, {}, retry_after_s));
    responder_.Write(ErrorBody(ApiFamily::kOllama, error) + "\n");
    responder_.End();
  }

 private:
  // Calls come whole, with arguments that are an object.
  json::array NewCalls(TextPart& part) {
    for (CallPiece& piece : part.calls) {
      if (!piece.name.empty()) calls_.push_back({.id = std::move(piece.id), .name = std::move(piece.name)});
      calls_[piece.index].arguments += piece.arguments;
    }
    json::array calls;
    for (; num_told_calls_ < part.num_whole_calls; ++num_told_calls_) {
      const CalledFunction& call = calls_[num_told_calls_];
      auto arguments = ParseJson(call.arguments, "arguments");
      calls.push_back(json::object{
          {"id", call.id},
          {"function",
           {{"index", num_told_calls_},
            {"name", call.name},
            {"arguments", arguments && arguments->is_object() ? *std::move(arguments) : json::object{}}}}});
    }
    return calls;
  }

  // Prompt and text, the token that ended it with them: what a next request goes on from.
  json::array Context(const TextEnd& end) {
    const std::vector<int32_t>& prompt = *request_.call.prompt_ids;
    json::array ids(prompt.begin(), prompt.end());
    std::ranges::move(ids_, std::back_inserter(ids));
    if (end.reason == FinishReason::kStop && end.summary.stop_id >= 0) ids.emplace_back(end.summary.stop_id);
    return ids;
  }

  // The head goes out with the first line: until then a refusal can still be a status. A blank line would be one that
  // clients cannot read, so that nothing keeps a silent stream warm.
  bool Write(const json::object& line) {
    if (!std::exchange(begun_, true)) {
      HttpReply head{.status = 200, .content_type = "application/x-ndjson", .body = {}, .headers = {}};
      head.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
      TellTruncated(request_.dropped_messages, head);
      responder_.BeginStream(std::move(head));
    }
    return responder_.Write(ToJson(line) + "\n");
  }

  const HttpRequest& http_;
  Responder& responder_;
  const OllamaText& request_;
  const TokenBytes bytes_;
  std::vector<CalledFunction> calls_;
  size_t num_told_calls_ = 0;
  Said all_;         // of a reply in one piece
  json::array ids_;  // of the text, where they are told
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
  StartText(context, http, responder, ApiFamily::kOllama, shared, [shared](const HttpRequest& own, Responder& to) {
    return std::make_unique<OllamaWriter>(own, to, *shared);
  });
}

}  // namespace bantam
