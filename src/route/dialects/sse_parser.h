// Server-sent events (HTML Living Standard, section 9.2.6), fed piece by piece as the network delivers them. The same
// bytes give the same events however they are cut.
//
//   SseParser parser([&](const SseEvent& e) { ...; return true; });
//   BANTAM_RETURN_IF_ERROR(parser.Feed(piece));   // any number of times
//   parser.Finish();                              // the stream ended as it should
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

struct SseEvent {
  std::string type;  // of "event:", else empty
  std::string data;  // the "data:" lines, joined by \n
};

class SseParser {
 public:
  // False: no more events are wanted; later bytes are ignored.
  using Receiver = std::function<bool(const SseEvent& event)>;
  // max_event_bytes bounds one line and one event's data.
  explicit SseParser(Receiver receiver, size_t max_event_bytes = size_t{1} << 20);

  // kTooLarge when a line or an event is longer than the limit; everything after that is ignored. Bytes are not checked
  // for UTF-8: what the data holds is checked where it is parsed.
  Status Feed(std::string_view piece);
  // Delivers an event whose closing blank line never came. The standard drops it; servers that close right after
  // "data: [DONE]" exist, and a half-sent JSON text is recognised by its receiver.
  Status Finish();

  size_t num_events() const { return num_events_; }

 private:
  Status Line(std::string_view line);
  void Dispatch();

  Receiver receiver_;
  const size_t max_event_bytes_;
  std::string line_;  // the beginning of a line whose end has not come
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;     // the last byte was a CR that ended a line: an LF now belongs to it
  bool at_beginning_ = true;  // a byte order mark may come
  bool stopped_ = false;
  size_t num_events_ = 0;
};

}  // namespace bantam
