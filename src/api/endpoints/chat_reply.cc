#include "api/endpoints/chat_reply.h"

#include "api/endpoints/answer_details.h"
#include "api/endpoints/event_reply.h"
#include "api/error_map.h"
#include "base/json_writer.h"

namespace bantam {
namespace {

constexpr size_t kFrameBytes = 1'024;  // of a reply, beside its texts

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

HttpReply WholeReply(const ChatReplyHead& head, const AssistantAnswer& answer, bool truncated) {
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

// In one piece, or in events.
class ChatWriter final : public TextWriter {
 public:
  ChatWriter(Responder& responder, ChatReplyHead head, const ChatDelivery& delivery)
      : responder_(responder), head_(std::move(head)), delivery_(delivery) {}

  bool begun() const override { return begun_; }
  bool streams() const override { return delivery_.stream; }

  bool Add(TextPart part) override {
    if (!delivery_.stream) return true;
    if (!std::exchange(begun_, true)) {
      responder_.BeginStream(EventStreamHead());
      if (!SendDelta({{"role", "assistant"}, {"content", ""}})) return false;
    }
    return part.said.empty() || SendDelta({{"content", part.said}});
  }

  void Finish(const TextResult& result) override {
    const AssistantAnswer& answer = *result.assistant;
    if (!delivery_.stream) return responder_.Send(WholeReply(head_, answer, result.truncated));
    std::string event;
    JsonWriter last = Begin(event);
    WriteDelta({}, answer.finish_reason.c_str(), last);
    if (delivery_.include_usage) last.Member("usage", nullptr);
    last.Key("bantam");
    WriteDetails(answer, head_.request_id, result.truncated, last);
    Send(std::move(event));
    if (delivery_.include_usage) {
      JsonWriter usage = Begin(event);
      usage.Key("choices").BeginArray().EndArray().Key("usage");
      WriteUsage(answer, usage);
      Send(std::move(event));
    }
    Done();
  }

  void Fail(const Error& error, int retry_after_s) override {
    if (!begun_) return responder_.Send(OpenAiError(error, {}, retry_after_s));
    responder_.Write("data: " + ErrorBody(ApiFamily::kOpenAi, error) + "\n\n");
    Done();
  }

 private:
  JsonWriter Begin(std::string& event) const {
    event = "data: ";
    JsonWriter out(event);
    WriteHead(head_, "chat.completion.chunk", out);
    return out;
  }

  bool Send(std::string event) {
    event += "}\n\n";
    return responder_.Write(event);
  }

  bool SendDelta(std::initializer_list<std::pair<std::string_view, std::string_view>> delta) {
    std::string event;
    JsonWriter out = Begin(event);
    WriteDelta(delta, nullptr, out);
    if (delivery_.include_usage) out.Member("usage", nullptr);
    return Send(std::move(event));
  }

  void Done() {
    responder_.Write("data: [DONE]\n\n");
    responder_.End();
  }

  Responder& responder_;
  const ChatReplyHead head_;
  const ChatDelivery delivery_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<TextWriter> NewChatWriter(Responder& responder, ChatReplyHead head, const ChatDelivery& delivery) {
  return std::make_unique<ChatWriter>(responder, std::move(head), delivery);
}

}  // namespace bantam
