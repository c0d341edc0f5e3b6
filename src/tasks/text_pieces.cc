#include "tasks/text_pieces.h"

#include <algorithm>

namespace bantam {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // what half a character is decoded to
// Bytes of a character; what a prompt may have left open is one less.
constexpr size_t kMostBytes = 4;
// Text that ends in U+FFFD may end inside a character, or in that one: the next tokens tell. After so many it is shown.
constexpr size_t kLongestHold = 16;
// Tokens of the prompt that are decoded with the first of the text.
constexpr size_t kContext = 6;

bool EndsInside(std::string_view text) { return text.ends_with(kReplacement); }

}  // namespace

// The window begins where a character does: decoders of bytes give up a whole run of them for one half character in it.
// What the prompt leaves open is not counted as shown.
PieceDecoder::PieceDecoder(const Tokenizer& tokenizer, std::span<const int32_t> before, std::vector<int32_t> spelled)
    : tokenizer_(tokenizer), shown_(std::move(spelled)) {
  const size_t count = before.size();
  size_t begin = count - std::min(count, kContext), end = count;
  const auto try_window = [&](size_t from, size_t to, bool whole_start) {
    const std::string shown = tokenizer.Decode(before.subspan(from, to - from), {});
    if (EndsInside(shown) || (whole_start && shown.starts_with(kReplacement))) return false;
    begin = from;
    end = to;
    return true;
  };
  const auto try_end = [&](size_t to) {
    const size_t first = to - std::min(to, kContext);
    for (size_t back = 0; back < kMostBytes && back <= first; ++back) {
      if (try_window(first - back, to, true)) return true;
    }
    return try_window(first, to, false);
  };
  for (size_t open = 0; open < kMostBytes && open <= count && !try_end(count - open);) ++open;
  window_.assign(before.begin() + static_cast<ptrdiff_t>(begin), before.end());
  num_shown_ = end - begin;
}

std::string PieceDecoder::Decode(size_t end) const {
  return tokenizer_.Decode(std::span(window_).first(end), {.skip_special_tokens = true});
}

std::string PieceDecoder::Add(int32_t id) {
  if (std::ranges::find(shown_, id) != shown_.end()) {
    std::string text = Finish().append(tokenizer_.TokenText(id));
    window_.clear();
    num_shown_ = 0;
    return text;
  }
  window_.push_back(id);
  return Take(false);
}

std::string PieceDecoder::Finish() { return num_shown_ < window_.size() ? Take(true) : std::string(); }

std::string PieceDecoder::Take(bool all) {
  const std::string whole = Decode(window_.size());
  if (!all && EndsInside(whole) && window_.size() - num_shown_ < kLongestHold) return "";
  const std::string shown = Decode(num_shown_);
  if (!whole.starts_with(shown)) {
    // Half a character at the end spoilt the run of bytes that it goes on: what is new is decoded alone.
    std::string rest = tokenizer_.Decode(std::span(window_).subspan(num_shown_), {.skip_special_tokens = true});
    window_.clear();
    num_shown_ = 0;
    return rest;
  }
  // Behind a token without text the next one would lose its space, as at the beginning: what is before it stays.
  if (whole.size() == shown.size() && window_.size() < kLongestHold) {
    num_shown_ = window_.size();
    return "";
  }
  // What was shown last is the context of what comes next.
  window_.erase(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(num_shown_));
  num_shown_ = window_.size();
  return whole.substr(shown.size());
}

std::string StopStrings::Add(std::string_view piece) {
  if (found_) return "";
  held_ += piece;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t at = stop.empty() ? std::string::npos : held_.find(stop);
    // Of two that begin at the same place the longer one: it says more about why.
    if (at == std::string::npos || at > first || (at == first && stop.size() <= found_->size())) continue;
    first = at;
    found_ = stop;
  }
  if (found_) {
    std::string shown = held_.substr(0, first);
    held_.clear();
    return shown;
  }
  size_t keep = 0;  // the longest end that begins a stop string
  for (const std::string& stop : stops_) {
    if (stop.empty()) continue;
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
      if (held_.ends_with(std::string_view(stop).substr(0, length))) keep = length;
    }
  }
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, shown.size());
  return shown;
}

}  // namespace bantam
