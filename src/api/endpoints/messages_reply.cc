#include "api/endpoints/messages_reply.h"

#include "api/endpoints/answer_details.h"
#include "api/endpoints/event_reply.h"
#include "api/endpoints/text_blocks.h"
#include "api/error_map.h"

namespace bantam {
namespace {

json::value OrNull(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

class MessageWriter final : public BlockWriter {
 public:
  MessageWriter(Responder& responder, MessageHead head)
      : BlockWriter(head.stream), responder_(responder), head_(std::move(head)), events_(responder) {
    events_.AddHeader(kAnthropicRequestId, head_.request_id);
  }

  bool begun() const override { return events_.begun(); }
  bool Ping() override { return Start() && events_.Send(json::object{{"type", "ping"}}); }
  void Begin(int64_t prompt_tokens) override { prompt_tokens_ = prompt_tokens; }

  void Finish(const TextResult& result) override {
    const json::value reason(StopReason(result));
    const json::value sequence = OrNull(result.end.stop);
    const GenerationSummary& summary = result.end.summary;
    json::object usage = Usage(summary.prompt_tokens, summary.cached_tokens, summary.generated_tokens);
    if (result.num_thought_tokens > 0) {
      usage["output_tokens_details"] = json::object{{"thinking_tokens", result.num_thought_tokens}};
    }
    if (!stream()) {
      const json::object message = Message(Content(), reason, sequence, std::move(usage));
      return responder_.Send({.status = 200,
                              .content_type = "application/json",
                              .body = WithDetails(message, result, head_.request_id),
                              .headers = {{kAnthropicRequestId, head_.request_id}}});
    }
    if (!Start() || !Close()) return;
    const json::object delta{{"type", "message_delta"},
                             {"delta", json::object{{"stop_reason", reason}, {"stop_sequence", sequence}}},
                             {"usage", std::move(usage)}};
    if (!events_.Send("message_delta", WithDetails(delta, result, head_.request_id))) return;
    if (events_.Send(json::object{{"type", "message_stop"}})) events_.End();
  }

  void Fail(const Error& error, int retry_after_s) override {
    if (!begun()) {
      return responder_.Send(ErrorReply(ApiFamily::kAnthropic, error, {}, retry_after_s, head_.request_id));
    }
    events_.Send("error", ErrorBody(ApiFamily::kAnthropic, error, head_.request_id));
    events_.End();
  }

 private:
  // The first event has the message without its text; the counts that it lacks come with the last.
  bool Start() {
    if (begun()) return true;
    json::object message = Message({}, nullptr, nullptr, Usage(prompt_tokens_, 0, 0));
    return events_.Send(json::object{{"type", "message_start"}, {"message", std::move(message)}}) && Ping();
  }

  bool BlockBegins(const TextBlock& block) override {
    if (!Start()) return false;
    if (!Shows(block)) return true;
    json::object content{{"type", TypeOf(block)}};
    switch (block.kind) {
      case TextBlock::Kind::kThought:
        content["thinking"] = "";
        content["signature"] = "";
        break;
      case TextBlock::Kind::kSaid:
        content["text"] = "";
        break;
      case TextBlock::Kind::kCall:
        content["id"] = block.id;
        content["name"] = block.name;
        content["input"] = json::object();
        break;
    }
    return events_.Send(
        json::object{{"type", "content_block_start"}, {"index", num_shown_}, {"content_block", std::move(content)}});
  }

  bool BlockGrows(const TextBlock& block, std::string_view piece) override {
    if (!Shows(block)) return true;
    json::object delta;
    switch (block.kind) {
      case TextBlock::Kind::kThought:
        delta = json::object{{"type", "thinking_delta"}, {"thinking", piece}};
        break;
      case TextBlock::Kind::kSaid:
        delta = json::object{{"type", "text_delta"}, {"text", piece}};
        break;
      case TextBlock::Kind::kCall:
        delta = json::object{{"type", "input_json_delta"}, {"partial_json", piece}};
        break;
    }
    return events_.Send(
        json::object{{"type", "content_block_delta"}, {"index", num_shown_}, {"delta", std::move(delta)}});
  }

  bool BlockEnds(const TextBlock& block) override {
    if (!Shows(block)) return true;
    return events_.Send(json::object{{"type", "content_block_stop"}, {"index", num_shown_++}});
  }

  bool Shows(const TextBlock& block) const { return block.kind != TextBlock::Kind::kThought || head_.shows_thoughts; }

  static std::string_view TypeOf(const TextBlock& block) {
    switch (block.kind) {
      case TextBlock::Kind::kThought:
        return "thinking";
      case TextBlock::Kind::kCall:
        return "tool_use";
      case TextBlock::Kind::kSaid:
        break;
    }
    return "text";
  }

  // Of a whole reply. A call that broke off has no input that anybody could use, and is left out.
  json::array Content() const {
    json::array content;
    for (size_t i = 0; i < blocks().size(); ++i) {
      const TextBlock& block = blocks()[i];
      if (!Shows(block) || IsBroken(i)) continue;
      json::object object{{"type", TypeOf(block)}};
      if (block.kind == TextBlock::Kind::kThought) {
        object["thinking"] = block.text;
        object["signature"] = "";
      } else if (block.kind == TextBlock::Kind::kSaid) {
        object["text"] = block.text;
      } else {
        auto input = ParseJson(block.text, "input");
        object["id"] = block.id;
        object["name"] = block.name;
        object["input"] = input && input->is_object() ? *std::move(input) : json::value(json::object());
      }
      content.push_back(std::move(object));
    }
    return content;
  }

  json::object Message(json::array content, json::value stop_reason, json::value stop_sequence,
                       json::object usage) const {
    return {{"id", "msg_" + head_.request_id},
            {"type", "message"},
            {"role", "assistant"},
            {"model", head_.model},
            {"content", std::move(content)},
            {"stop_reason", std::move(stop_reason)},
            {"stop_sequence", std::move(stop_sequence)},
            {"usage", std::move(usage)}};
  }

  // What was in the cache does not count as input again.
  static json::object Usage(int64_t prompt_tokens, int64_t cached_tokens, int64_t text_tokens) {
    return {{"input_tokens", prompt_tokens - cached_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", cached_tokens},
            {"output_tokens", text_tokens}};
  }

  std::string_view StopReason(const TextResult& result) const {
    if (result.assistant != nullptr && result.assistant->finish_reason == "content_filter") return "refusal";
    if (result.has_calls) return "tool_use";
    if (!result.end.stop.empty()) return "stop_sequence";
    switch (result.end.reason) {
      case FinishReason::kStop:
        break;
      case FinishReason::kDeadline:  // there is no word for it; cut off it was
        return "max_tokens";
      case FinishReason::kLength:
        return result.end.summary.generated_tokens < head_.max_tokens ? "model_context_window_exceeded" : "max_tokens";
    }
    return "end_turn";
  }

  Responder& responder_;
  const MessageHead head_;
  EventReply events_;
  int64_t prompt_tokens_ = 0;
  size_t num_shown_ = 0;  // blocks that have ended
};

}  // namespace

std::unique_ptr<TextWriter> NewMessageWriter(Responder& responder, MessageHead head) {
  return std::make_unique<MessageWriter>(responder, std::move(head));
}

}  // namespace bantam
