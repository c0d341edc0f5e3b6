// For tests only: keeps what is sent.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/http_types.h"
#include "base/json.h"

namespace bantam::testing {

class RecordingResponder final : public Responder {
 public:
  void Send(HttpReply reply) override { sent = std::move(reply); }
  Later Detach() override { return {}; }
  std::unique_ptr<Responder> TakeOver() override { return nullptr; }
  void ContinueOnWorker(std::function<void(Responder&)> work) override { work(*this); }
  void BeginStream(HttpReply head) override { stream_head = std::move(head); }
  bool Write(std::string_view piece) override {
    stream += piece;
    return true;
  }
  void End() override { ended = true; }

  json::object Body() const { return ParseJson(sent->body, "reply")->as_object(); }

  // The events of the stream: their names, and their data.
  std::vector<std::pair<std::string, json::object>> Events() const {
    std::vector<std::pair<std::string, json::object>> events;
    constexpr std::string_view kName = "event: ", kData = "\ndata: ", kEnd = "\n\n";
    for (size_t at = stream.find(kName); at != std::string::npos; at = stream.find(kName, at)) {
      at += kName.size();
      const size_t data = stream.find(kData, at), end = stream.find(kEnd, data);
      const std::string_view text = std::string_view(stream).substr(data + kData.size(), end - data - kData.size());
      events.emplace_back(stream.substr(at, data - at), ParseJson(text, "event")->as_object());
      at = end;
    }
    return events;
  }
  std::vector<std::string> EventNames() const {
    std::vector<std::string> names;
    for (const auto& event : Events()) names.push_back(event.first);
    return names;
  }

  std::optional<HttpReply> sent, stream_head;
  std::string stream;
  bool ended = false;
};

}  // namespace bantam::testing
