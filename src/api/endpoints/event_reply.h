// Server-sent events as replies.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// So long nothing is said on a stream before an event or a comment tells the client, and what stands between, that we
// are alive.
inline constexpr int kPingMs = 10'000;

inline HttpReply EventStreamHead() {
  return {.status = 200,
          .content_type = "text/event-stream; charset=utf-8",
          .body = {},
          .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}};
}

// A stream whose events have names. Its head goes out with the first one: until then a refusal can still be a status.
class EventReply {
 public:
  explicit EventReply(Responder& responder) : responder_(responder) {}
  // Of the head, before the first event.
  void AddHeader(std::string name, std::string value) { headers_.emplace_back(std::move(name), std::move(value)); }
  bool begun() const { return begun_; }
  // `data` has the event's name as its "type". False: the client is gone.
  bool Send(const json::object& data) { return Send(std::string_view(data.at("type").as_string()), ToJson(data)); }
  bool Send(std::string_view name, std::string_view data) {
    return Write(std::string("event: ").append(name).append("\ndata: ").append(data).append("\n\n"));
  }
  bool Comment(std::string_view text) { return Write(std::string(": ").append(text).append("\n\n")); }
  void End() { responder_.End(); }

 private:
  bool Write(const std::string& event) {
    if (!begun_) {
      begun_ = true;
      HttpReply head = EventStreamHead();
      for (auto& header : headers_) head.headers.push_back(std::move(header));
      responder_.BeginStream(std::move(head));
    }
    return responder_.Write(event);
  }

  Responder& responder_;
  std::vector<std::pair<std::string, std::string>> headers_;
  bool begun_ = false;
};

}  // namespace bantam
