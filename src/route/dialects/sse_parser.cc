#include "route/dialects/sse_parser.h"

namespace bantam {

SseParser::SseParser(Receiver receiver, size_t max_event_bytes)
    : receiver_(std::move(receiver)), max_event_bytes_(max_event_bytes) {}

Status SseParser::Feed(std::string_view piece) {
  while (!piece.empty() && !stopped_) {
    if (after_cr_) {
      after_cr_ = false;
      if (piece.front() == '\n') {
        piece.remove_prefix(1);
        continue;
      }
    }
    const size_t end = piece.find_first_of("\r\n");
    const std::string_view part = piece.substr(0, end);
    if (part.size() > max_event_bytes_ - line_.size()) {
      stopped_ = true;
      return Err(ErrorCode::kTooLarge, "a line of the event stream is longer than {} bytes", max_event_bytes_);
    }
    line_ += part;
    if (end == std::string_view::npos) return Ok();  // the rest of the line is still to come
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, {});
    BANTAM_RETURN_IF_ERROR(Line(line));
  }
  return Ok();
}

Status SseParser::Finish() {
  if (stopped_) return Ok();
  if (!line_.empty()) {
    const std::string line = std::exchange(line_, {});
    BANTAM_RETURN_IF_ERROR(Line(line));
  }
  Dispatch();
  return Ok();
}

Status SseParser::Line(std::string_view line) {
  if (std::exchange(at_beginning_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (line.empty()) {
    Dispatch();
    return Ok();
  }
  const size_t colon = line.find(':');  // at 0: a comment, whose name is empty and therefore unknown
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") {
    event_.type = value;
  } else if (name == "data") {
    if (event_.data.size() + value.size() + 1 > max_event_bytes_) {
      stopped_ = true;
      return Err(ErrorCode::kTooLarge, "an event of the stream is longer than {} bytes", max_event_bytes_);
    }
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }  // "id" and "retry" are for clients that reconnect; the standard ignores every other name
  return Ok();
}

void SseParser::Dispatch() {
  const SseEvent event = std::exchange(event_, {});
  if (!std::exchange(has_data_, false)) return;
  ++num_events_;
  if (!receiver_(event)) stopped_ = true;
}

}  // namespace bantam
