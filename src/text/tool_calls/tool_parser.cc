#include "text/tool_calls/tool_parser.h"

#include <algorithm>

#include "text/tool_calls/json_scanner.h"

namespace bantam::tools {

ToolParser::ToolParser(const ToolFormat& format, std::vector<std::string> names)
    : format_(format), names_(std::move(names)) {
  if (format_.opening().empty()) reader_ = format_.NewReader();
}

bool ToolParser::Begin(std::string_view name) {
  if (std::ranges::find(names_, name) == names_.end()) return false;
  in_call_ = true;
  out_.calls.push_back({.index = num_calls_++, .name = std::string(name)});
  return true;
}

void ToolParser::Add(std::string_view arguments) {
  if (out_.calls.empty()) out_.calls.push_back({.index = num_calls_ - 1});
  out_.calls.back().arguments += arguments;
}

void ToolParser::End() {
  in_call_ = false;
  ++num_complete_;
  taken_.clear();
}

ToolOutput ToolParser::Read(std::string_view piece) {
  for (const char c : piece) ReadByte(c);
  return std::exchange(out_, {});
}

void ToolParser::ReadByte(char c) {
  if (reader_ == nullptr) return ReadText(c);
  taken_ += c;
  switch (reader_->Add(c, *this)) {
    case CallReader::State::kMore:
      return;
    case CallReader::State::kEnd:
      reader_.reset();
      taken_.clear();
      only_text_ = format_.opening().empty();
      return;
    case CallReader::State::kNotMine:
      reader_.reset();
      only_text_ = format_.opening().empty();
      held_ = std::exchange(taken_, {});  // white space and the byte, which begins text
      held_.pop_back();
      return ReadText(c);
    case CallReader::State::kBroken:
      reader_.reset();
      only_text_ = true;
      // A call that was told of cannot be taken back: it stays without its end.
      if (!in_call_) out_.content += taken_;
      in_call_ = false;
      taken_.clear();
      return;
  }
}

void ToolParser::ReadText(char c) {
  if (only_text_ && num_complete_ == 0) {
    out_.content += c;
    return;
  }
  held_ += c;
  const std::string_view opening = only_text_ ? std::string_view() : format_.opening();
  if (!opening.empty() && held_.ends_with(opening)) {
    reader_ = format_.NewReader();
    // White space before calls goes with them, and comes back if they are none.
    size_t said = held_.size() - opening.size();
    while (said > 0 && IsJsonSpace(held_[said - 1])) --said;
    taken_ = held_.substr(said);
    held_.resize(said);
    out_.content += std::exchange(held_, {});
    return;
  }
  // White space is held back, and what may be the beginning of an opening, with the space before it.
  size_t keep = 0;
  for (size_t length = std::min(opening.size(), held_.size()); length > keep; --length) {
    if (held_.ends_with(opening.substr(0, length))) keep = length;
  }
  size_t shown = held_.size() - keep;
  while (shown > 0 && IsJsonSpace(held_[shown - 1])) --shown;
  out_.content.append(held_, 0, shown);
  held_.erase(0, shown);
}

ToolOutput ToolParser::Finish() {
  if (reader_ != nullptr && !in_call_) {
    // Between calls there may be white space, or a marker that was cut off; before any it is what the model said.
    if (num_complete_ == 0) out_.content += taken_;
  }
  const bool blank = std::ranges::all_of(held_, IsJsonSpace);
  if (!blank || num_calls_ == 0) out_.content += held_;
  held_.clear();
  taken_.clear();
  return std::exchange(out_, {});
}

}  // namespace bantam::tools
