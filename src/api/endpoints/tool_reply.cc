#include "api/endpoints/tool_reply.h"

#include <random>

namespace bantam {
namespace {

// As OpenAI's look, or of the length that a model's template insists on. Nobody can guess one: they tell calls apart
// across conversations.
std::string NewId(size_t length) {
  static constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::random_device random;
  std::uniform_int_distribution<size_t> letter(0, kLetters.size() - 1);
  std::string id = length == 0 ? "call_" : "";
  for (size_t i = 0; i < (length == 0 ? 24 : length); ++i) id += kLetters[letter(random)];
  return id;
}

}  // namespace

ToolReply::ToolReply(const tools::ToolFormat& format, const ToolRequest& request)
    : id_length_(format.id_length()), parser_(format, request.Names()) {}

std::string ToolReply::Read(std::string_view piece, bool is_last) {
  tools::ToolOutput out = parser_.Read(piece);
  if (is_last) {
    tools::ToolOutput rest = parser_.Finish();
    out.content += rest.content;
    std::ranges::move(rest.calls, std::back_inserter(out.calls));
  }
  for (tools::CallDelta& delta : out.calls) {
    json::object event{{"index", delta.index}};
    if (!delta.name.empty()) {
      event["id"] = NewId(id_length_);
      event["type"] = "function";
      event["function"] = json::object{{"name", delta.name}, {"arguments", delta.arguments}};
      json::object call = event;
      call.erase("index");
      calls_.push_back(std::move(call));
    } else {
      event["function"] = json::object{{"arguments", delta.arguments}};
      json::string& arguments = calls_[delta.index].at("function").at("arguments").as_string();
      arguments += delta.arguments;
    }
    deltas_.push_back(std::move(event));
  }
  return std::move(out.content);
}

}  // namespace bantam
