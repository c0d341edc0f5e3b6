#include "api/endpoints/tool_reply.h"

#include <algorithm>
#include <iterator>
#include <random>

namespace bantam {
namespace {

// Nobody can guess one: they tell calls apart across conversations.
std::string NewId(std::string_view prefix, size_t length) {
  static constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::random_device random;
  std::uniform_int_distribution<size_t> letter(0, kLetters.size() - 1);
  std::string id(length == 0 ? prefix : "");
  for (size_t i = 0; i < (length == 0 ? 24 : length); ++i) id += kLetters[letter(random)];
  return id;
}

}  // namespace

ToolReply::ToolReply(const tools::ToolFormat& format, const ToolRequest& request, std::string_view id_prefix)
    : id_prefix_(id_prefix), id_length_(format.id_length()), parser_(format, request.Names()) {}

std::string ToolReply::Read(std::string_view piece, bool is_last) {
  tools::ToolOutput out = parser_.Read(piece);
  if (is_last) {
    tools::ToolOutput rest = parser_.Finish();
    out.content += rest.content;
    std::ranges::move(rest.calls, std::back_inserter(out.calls));
  }
  for (tools::CallDelta& delta : out.calls) {
    CallPiece new_piece{.index = delta.index};
    if (!delta.name.empty()) {
      new_piece.id = NewId(id_prefix_, id_length_);
      new_piece.name = delta.name;
      calls_.push_back({.id = new_piece.id, .name = std::move(delta.name), .arguments = {}});
    }
    calls_[delta.index].arguments += delta.arguments;
    new_piece.arguments = std::move(delta.arguments);
    pieces_.push_back(std::move(new_piece));
  }
  return std::move(out.content);
}

}  // namespace bantam
