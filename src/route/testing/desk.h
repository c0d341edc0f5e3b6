// For tests only: a router over testdata/conversations/desk.yaml whose encoder, services and large models are in the
// hand of the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/testing.h"
#include "route/router_parts.h"
#include "route/testing/bag_intent_model.h"

namespace bantam::testing {

inline constexpr std::string_view kDeskFile = "src/route/testdata/conversations/desk.yaml";
inline const Day kDeskToday = Day(std::chrono::year(2026) / 11 / 25);  // a Wednesday

// The services that forms and http actions call.
struct FakeService {
  std::string mode = "ok";  // ok, fail (500), hang (a time-out), garbage
  std::vector<OutgoingRequest> requests;
  std::mutex mutex;

  Result<IncomingResponse> Send(const OutgoingRequest& request, std::stop_token stop) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    if (stop.stop_requested()) return Err(ErrorCode::kCancelled, "cancelled");
    if (mode == "hang") return Err(ErrorCode::kDeadline, "no answer within 2000 ms");
    if (mode == "refuse") return Err(ErrorCode::kUnavailable, "connection refused");
    IncomingResponse response;
    response.status = mode == "fail" ? 500 : 200;
    response.body = mode == "garbage" ? "<html>" : R"({"summary": "All fine", "at": ["monday"]})";
    return response;
  }
};

// A large model that says what it is told to. Real ones are tested in upstream_test.cc.
class FakeUpstream : public Upstream {
 public:
  explicit FakeUpstream(std::string name) { config_.name = std::move(name); }
  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) override {
    ++calls;
    last_request = request;
    for (const std::string& piece : pieces) {
      if (sink) sink(piece);
    }
    return reply;
  }
  const UpstreamConfig& config() const override { return config_; }

  UpstreamReply reply;
  std::vector<std::string> pieces;
  std::atomic<int> calls = 0;
  AssistantRequest last_request;

 private:
  UpstreamConfig config_;
};

struct Desk {
  explicit Desk(std::function<void(RouterParts&)> change = {}) {
    RouterParts parts{.file = LoadRouteFile(kDeskFile).value(), .intents = nullptr};
    auto intents = std::make_unique<BagIntentModel>(parts.file);
    model = intents.get();
    parts.intents = std::move(intents);
    for (const char* name : {"big", "other"}) {
      auto upstream = std::make_unique<FakeUpstream>(name);
      (std::string_view(name) == "big" ? big : other) = upstream.get();
      parts.upstreams[name] = std::move(upstream);
    }
    parts.send = [this](const OutgoingRequest& request, std::stop_token stop) { return service.Send(request, stop); };
    parts.today = [] { return kDeskToday; };
    if (change) change(parts);
    router = MakeRouter(std::move(parts));
  }

  static AssistantRequest Ask(std::string text, std::string session = {}) {
    static std::atomic<int> count = 0;
    AssistantRequest request;
    request.messages.push_back({"user", std::move(text)});
    request.session_id = std::move(session);
    request.request_id = "req-" + std::to_string(++count);
    return request;
  }
  // The answer to one message; a failure of the test when there is none.
  AssistantAnswer Say(std::string text, std::string session = {}) {
    return Send(Ask(std::move(text), std::move(session)));
  }
  AssistantAnswer Send(const AssistantRequest& request) {
    Result<AssistantAnswer> answer = router->Answer(request, [this](std::string_view piece) { streamed += piece; });
    EXPECT_OK(answer);
    return answer ? *std::move(answer) : AssistantAnswer();
  }

  FakeService service;
  BagIntentModel* model = nullptr;
  FakeUpstream *big = nullptr, *other = nullptr;
  std::string streamed;
  std::unique_ptr<Router> router;
};

}  // namespace bantam::testing
