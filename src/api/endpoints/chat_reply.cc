#include "api/endpoints/chat_reply.h"

#include "route/budget_report.h"

namespace bantam {
namespace {

constexpr size_t kFrameBytes = 1'024;  // of a reply, beside its texts

void WriteNearest(const std::vector<NearestExample>& examples, JsonWriter& out) {
  out.BeginArray();
  for (const NearestExample& example : examples) {
    out.BeginObject().Member("text", example.text).Member("route", example.route);
    out.Member("similarity", example.similarity).EndObject();
  }
  out.EndArray();
}

void WriteForm(const FormProgress& form, JsonWriter& out) {
  out.BeginObject().Member("name", form.name).Member("state", form.state).Key("slots").BeginObject();
  for (const auto& [name, value] : form.slots) out.Member(name, value);
  out.EndObject().Member("missing", form.missing).MemberOrNull("asked", form.asked).EndObject();
}

void WriteDetails(const AssistantAnswer& answer, const std::string& request_id, bool truncated, JsonWriter& out) {
  out.BeginObject().MemberOrNull("route", answer.route);
  out.Member("confidence", answer.confidence).Member("threshold", answer.threshold);
  out.Member("p_correct", answer.p_correct).Member("prediction_set", answer.prediction_set);
  out.Member("budget", BudgetJson(answer.budget)).MemberOrNull("calibration_id", answer.calibration_id);
  out.Member("source", AnswerSourceName(answer.source)).Member("decision", DecisionKindName(answer.decision));
  out.Key("nearest");
  WriteNearest(answer.nearest, out);
  out.Member("latency_ms", answer.latency_ms).Member("request_id", request_id);
  if (!answer.parts.empty()) {
    out.Key("parts").BeginArray();
    for (const AnsweredPart& part : answer.parts) {
      out.BeginObject().Member("text", part.text).Member("route", part.route);
      out.Member("confidence", part.confidence).EndObject();
    }
    out.EndArray();
  }
  if (answer.exit_layer > 0) out.Member("exit_layer", answer.exit_layer);
  if (answer.queued) out.Member("queued", true);
  if (!answer.model.empty()) out.Member("upstream_model", answer.model);
  if (answer.upstream_error) out.Member("upstream_error", *answer.upstream_error);
  if (answer.form) {
    out.Key("form");
    WriteForm(*answer.form, out);
  }
  if (truncated) out.Member("truncated", true);
  out.EndObject();
}

void WriteUsage(const AssistantAnswer& answer, JsonWriter& out) {
  out.BeginObject().Member("prompt_tokens", answer.prompt_tokens);
  out.Member("completion_tokens", answer.completion_tokens);
  out.Member("total_tokens", answer.prompt_tokens + answer.completion_tokens).EndObject();
}

void WriteHead(const ChatReplyHead& head, std::string_view object, JsonWriter& out) {
  out.BeginObject().Member("id", head.id()).Member("object", object);
  out.Member("created", head.created).Member("model", head.model);
}

// The only choice there is. delta: its members, of {}; finish_reason: null while it goes on.
void WriteDelta(std::initializer_list<std::pair<std::string_view, std::string_view>> delta, const char* finish_reason,
                JsonWriter& out) {
  out.Key("choices").BeginArray().BeginObject().Member("index", 0).Key("delta").BeginObject();
  for (const auto& [key, text] : delta) out.Member(key, text);
  out.EndObject().Member("logprobs", nullptr).Key("finish_reason");
  finish_reason == nullptr ? out.Value(nullptr) : out.Value(finish_reason);
  out.EndObject().EndArray();
}

}  // namespace

HttpReply WholeChatReply(const ChatReplyHead& head, const AssistantAnswer& answer, bool truncated) {
  HttpReply reply;
  reply.body.reserve(kFrameBytes + 2 * answer.text.size());
  JsonWriter out(reply.body);
  WriteHead(head, "chat.completion", out);
  out.Key("choices").BeginArray().BeginObject().Member("index", 0);
  out.Key("message").BeginObject().Member("role", "assistant").Member("content", answer.text);
  out.Member("refusal", nullptr).EndObject();
  out.Member("logprobs", nullptr).Member("finish_reason", answer.finish_reason).EndObject().EndArray();
  out.Key("usage");
  WriteUsage(answer, out);
  out.Key("bantam");
  WriteDetails(answer, head.request_id, truncated, out);
  out.EndObject();
  return reply;
}

JsonWriter ChatChunks::Begin(std::string& event) const {
  event = "data: ";
  JsonWriter out(event);
  WriteHead(head_, "chat.completion.chunk", out);
  return out;
}

bool ChatChunks::Event(std::string event) {
  event += "}\n\n";
  return responder_.Write(event);
}

bool ChatChunks::Piece(std::string_view text, bool cache_hit) {
  const auto send = [&](std::initializer_list<std::pair<std::string_view, std::string_view>> delta) {
    std::string event;
    JsonWriter out = Begin(event);
    WriteDelta(delta, nullptr, out);
    if (include_usage_) out.Member("usage", nullptr);
    return Event(std::move(event));
  };
  if (!begun_) {
    begun_ = true;
    work_.TellCache(cache_hit);
    responder_.BeginStream({.status = 200,
                            .content_type = "text/event-stream; charset=utf-8",
                            .body = {},
                            .headers = {{"Cache-Control", "no-cache"}}});
    send({{"role", "assistant"}, {"content", ""}});
  }
  return text.empty() || send({{"content", text}});
}

void ChatChunks::Finish(const AssistantAnswer& answer, bool truncated) {
  std::string event;
  JsonWriter last = Begin(event);
  WriteDelta({}, answer.finish_reason.c_str(), last);
  if (include_usage_) last.Member("usage", nullptr);
  last.Key("bantam");
  WriteDetails(answer, head_.request_id, truncated, last);
  Event(std::move(event));
  if (include_usage_) {
    JsonWriter usage = Begin(event);
    usage.Key("choices").BeginArray().EndArray().Key("usage");
    WriteUsage(answer, usage);
    Event(std::move(event));
  }
  Done();
}

void ChatChunks::Fail(const Error& error) {
  responder_.Write("data: " + ErrorBody(ApiFamily::kOpenAi, error) + "\n\n");
  Done();
}

void ChatChunks::Done() {
  responder_.Write("data: [DONE]\n\n");
  responder_.End();
}

}  // namespace bantam
