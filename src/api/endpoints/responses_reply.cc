#include "api/endpoints/responses_reply.h"

#include <fmt/format.h>

#include <ctime>

#include "api/endpoints/answer_details.h"
#include "api/endpoints/event_reply.h"
#include "api/endpoints/text_blocks.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

using Kind = TextBlock::Kind;

json::object TextPartOf(std::string_view text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}, {"logprobs", json::array()}};
}
json::object ThoughtPartOf(std::string_view text) { return {{"type", "reasoning_text"}, {"text", text}}; }
json::object PartOf(Kind kind, std::string_view text) {
  return kind == Kind::kThought ? ThoughtPartOf(text) : TextPartOf(text);
}

class ResponseWriter final : public BlockWriter {
 public:
  ResponseWriter(Responder& responder, ResponseHead head)
      : BlockWriter(head.stream), responder_(responder), head_(std::move(head)), events_(responder) {}

  bool begun() const override { return events_.begun(); }
  bool Ping() override { return Start() && events_.Comment("ping"); }

  void Finish(const TextResult& result) override {
    const FinishReason reason = result.end.reason;
    const bool whole = reason == FinishReason::kStop;
    // A reply has a message, be it an empty one, unless it calls.
    if (stream() && !Start()) return;
    if (!HasAnswer() && !Open({.kind = Kind::kSaid})) return;
    last_status_ = whole ? "completed" : "incomplete";
    if (!Close()) return;
    json::object response = Response(whole ? "completed" : "incomplete", Output());
    if (whole) response["completed_at"] = std::time(nullptr);
    if (!whole) response["incomplete_details"] = json::object{{"reason", "max_output_tokens"}};
    response["usage"] = Usage(result);
    std::string text = WithDetails(response, result, head_.request_id);
    if (!stream()) {
      return responder_.Send(
          {.status = 200, .content_type = "application/json", .body = std::move(text), .headers = {}});
    }
    const char* name = whole ? "response.completed" : "response.incomplete";
    const bool written = events_.Send(
        name, fmt::format(R"({{"type":"{}","sequence_number":{},"response":{}}})", name, sequence_number_++, text));
    if (written) events_.End();
  }

  void Fail(const Error& error, int retry_after_s) override {
    if (!begun()) return responder_.Send(OpenAiError(error, {}, retry_after_s));
    last_status_ = "incomplete";
    json::object response = Response("failed", Output());
    const bool limited = error.code == ErrorCode::kOverloaded;
    response["error"] = json::object{{"code", limited ? "rate_limit_exceeded" : "server_error"},
                                     {"message", ReplaceInvalidUtf8(error.message)}};
    Event("response.failed", {{"response", std::move(response)}});
    events_.End();
  }

 private:
  bool Event(std::string_view type, json::object members) {
    json::object event{{"type", type}, {"sequence_number", sequence_number_++}};
    for (auto& [key, value] : members) event[key] = std::move(value);
    return events_.Send(event);
  }
  // One about the last block.
  bool ItemEvent(std::string_view type, json::object members) {
    members["output_index"] = num_blocks() - 1;
    return Event(type, std::move(members));
  }
  // One about what it holds.
  bool ContentEvent(std::string_view type, json::object members) {
    members["item_id"] = ItemId(num_blocks() - 1);
    if (blocks().back().kind != Kind::kCall) members["content_index"] = 0;
    return ItemEvent(type, std::move(members));
  }

  bool Start() {
    if (begun()) return true;
    return Event("response.created", {{"response", Response("in_progress", {})}}) &&
           Event("response.in_progress", {{"response", Response("in_progress", {})}});
  }

  bool BlockBegins(const TextBlock& block) override {
    if (!Start()) return false;
    json::object item = Item(num_blocks() - 1, "in_progress");
    if (block.kind != Kind::kCall) item["content"] = json::array();
    if (!ItemEvent("response.output_item.added", {{"item", std::move(item)}})) return false;
    return block.kind == Kind::kCall || ContentEvent("response.content_part.added", {{"part", PartOf(block.kind, "")}});
  }

  bool BlockGrows(const TextBlock& block, std::string_view piece) override {
    switch (block.kind) {
      case Kind::kThought:
        return ContentEvent("response.reasoning_text.delta", {{"delta", piece}});
      case Kind::kCall:
        return ContentEvent("response.function_call_arguments.delta", {{"delta", piece}});
      case Kind::kSaid:
        break;
    }
    return ContentEvent("response.output_text.delta", {{"delta", piece}, {"logprobs", json::array()}});
  }

  bool BlockEnds(const TextBlock& block) override {
    bool told = false;
    switch (block.kind) {
      case Kind::kThought:
        told = ContentEvent("response.reasoning_text.done", {{"text", block.text}});
        break;
      case Kind::kCall:
        told = ContentEvent("response.function_call_arguments.done", {{"name", block.name}, {"arguments", block.text}});
        break;
      case Kind::kSaid:
        told = ContentEvent("response.output_text.done", {{"text", block.text}, {"logprobs", json::array()}});
        break;
    }
    if (told && block.kind != Kind::kCall) {
      told = ContentEvent("response.content_part.done", {{"part", PartOf(block.kind, block.text)}});
    }
    const size_t index = num_blocks() - 1;
    return told && ItemEvent("response.output_item.done", {{"item", Item(index, StatusOf(index))}});
  }

  bool HasAnswer() const { return !blocks().empty() && blocks().back().kind != Kind::kThought; }

  // Only the last one can have broken off.
  std::string_view StatusOf(size_t index) const {
    return IsBroken(index) ? "incomplete" : index + 1 == num_blocks() ? last_status_ : "completed";
  }

  std::string ItemId(size_t index) const {
    const Kind kind = blocks()[index].kind;
    const char* prefix = kind == Kind::kThought ? "rs" : kind == Kind::kCall ? "fc" : "msg";
    return fmt::format("{}_{}_{}", prefix, head_.request_id, index);
  }

  json::object Item(size_t index, std::string_view status) const {
    const TextBlock& block = blocks()[index];
    json::object item{{"id", ItemId(index)}, {"status", status}};
    switch (block.kind) {
      case Kind::kThought:
        item["type"] = "reasoning";
        item["summary"] = json::array();
        item["content"] = json::array{ThoughtPartOf(block.text)};
        break;
      case Kind::kCall:
        item["type"] = "function_call";
        item["call_id"] = block.id;
        item["name"] = block.name;
        item["arguments"] = block.text;
        break;
      case Kind::kSaid:
        item["type"] = "message";
        item["role"] = "assistant";
        item["content"] = json::array{TextPartOf(block.text)};
        break;
    }
    return item;
  }

  json::array Output() const {
    json::array output;
    for (size_t i = 0; i < num_blocks(); ++i) output.push_back(Item(i, StatusOf(i)));
    return output;
  }

  json::object Response(std::string_view status, json::array output) const {
    json::object response{{"id", "resp_" + head_.request_id},
                          {"object", "response"},
                          {"created_at", head_.created},
                          {"completed_at", nullptr},
                          {"status", status},
                          {"error", nullptr},
                          {"incomplete_details", nullptr},
                          {"model", head_.model},
                          {"output", std::move(output)},
                          {"usage", nullptr}};
    for (const auto& [key, value] : head_.echo) response[key] = value;
    return response;
  }

  static json::object Usage(const TextResult& result) {
    const GenerationSummary& summary = result.end.summary;
    const int64_t input = summary.prompt_tokens, output = summary.generated_tokens;
    return {{"input_tokens", input},
            {"input_tokens_details", json::object{{"cached_tokens", summary.cached_tokens}, {"cache_write_tokens", 0}}},
            {"output_tokens", output},
            {"output_tokens_details", json::object{{"reasoning_tokens", result.num_thought_tokens}}},
            {"total_tokens", input + output}};
  }

  Responder& responder_;
  const ResponseHead head_;
  EventReply events_;
  int64_t sequence_number_ = 0;
  std::string_view last_status_ = "completed";  // of the last item, when it ends
};

}  // namespace

std::unique_ptr<TextWriter> NewResponseWriter(Responder& responder, ResponseHead head) {
  return std::make_unique<ResponseWriter>(responder, std::move(head));
}

}  // namespace bantam
