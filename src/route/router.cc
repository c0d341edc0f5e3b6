// A router: calls that are answered, counted and recorded. What happens in one is in answering.cc.
#include "route/router.h"

#include <mutex>

#include "base/check.h"
#include "base/log.h"
#include "route/answering.h"
#include "route/decision_record.h"
#include "route/explanation.h"
#include "route/router_parts.h"
#include "route/session_locks.h"

namespace bantam {
namespace {

class RouterImpl : public Router {
 public:
  explicit RouterImpl(RouterParts parts)
      : parts_(std::move(parts)), policy_(parts_.file, parts_.intents->threshold(), parts_.intents->calibration()) {
    if (!parts_.conversations) parts_.conversations = MakeMemoryConversations();
    if (!parts_.send) {
      parts_.send = [](const OutgoingRequest&, std::stop_token) -> Result<IncomingResponse> {
        return Err(ErrorCode::kUnavailable, "services are not called here");
      };
    }
  }

  Result<AssistantAnswer> Answer(const AssistantRequest& request, const DeltaSink& sink) override {
    const MonotonicTime start = MonotonicNow();
    Answering call(parts_, policy_, locks_, request, sink);
    Result<AssistantAnswer> result = call.Run();
    const double latency_ms = MillisecondsSince(start);
    if (result) result->latency_ms = latency_ms;
    const AssistantAnswer& answer = result ? *result : call.answer();
    Count(result.has_value(), answer, call.notes());
    Record(request, call, result, answer, latency_ms);
    return result;
  }

  Result<Explanation> Explain(std::string_view text) override {
    BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, MonotonicTime::max()));
    return bantam::Explain(parts_.file, policy_, std::move(understanding));
  }

  Result<std::vector<Explanation>> ExplainAll(std::span<const std::string> texts, MonotonicTime deadline) override {
    BANTAM_TRY(std::vector<Understanding> all, parts_.intents->UnderstandAll(texts, deadline));
    std::vector<Explanation> explanations;
    for (Understanding& understanding : all)
      explanations.push_back(bantam::Explain(parts_.file, policy_, std::move(understanding)));
    return explanations;
  }

  const RouteFile& file() const override { return parts_.file; }
  const DecisionPolicy& policy() const override { return policy_; }
  const Head& head() const override {
    BANTAM_CHECK(parts_.intents->head() != nullptr, "this router was made without a head");
    return *parts_.intents->head();
  }
  Embedder& embedder() override {
    BANTAM_CHECK(parts_.intents->embedder() != nullptr, "this router was made without an embedder");
    return *parts_.intents->embedder();
  }
  RouterStats Stats() const override {
    const std::lock_guard lock(stats_mutex_);
    return stats_;
  }

 private:
  void Count(bool answered, const AssistantAnswer& answer, const Answering::Notes& notes) {
    const std::lock_guard lock(stats_mutex_);
    ++stats_.requests;
    if (answered) {
      ++stats_.by_source[static_cast<size_t>(answer.source)];
      ++stats_.by_decision[static_cast<size_t>(answer.decision)];
    }
    stats_.cache_lookups += notes.cache_looked_up;
    stats_.cache_hits += answer.cache_hit;
    stats_.upstream_requests += notes.upstream_asked;
    stats_.upstream_failures += notes.upstream_failed;
    stats_.total_cost += answer.cost;
  }

  void Record(const AssistantRequest& request, const Answering& call, const Result<AssistantAnswer>& result,
              const AssistantAnswer& answer, double latency_ms) {
    if (!parts_.audit) return;
    AuditRecord record = RecordOf(request, call, result, answer);
    record.latency_ms = latency_ms;
    record.route_file_sha256 = parts_.file.sha256;
    record.head_sha256 = parts_.intents->identity();
    if (!parts_.file.audit_texts) {
      record.question.clear();
      record.answer.clear();
    }
    if (const Status appended = parts_.audit->Append(std::move(record)); !appended) {
      Log(LogLevel::kError, "the decision on request {} is not in the audit log: {}", request.request_id,
          appended.error().message);
    }
  }

  RouterParts parts_;
  const DecisionPolicy policy_;
  SessionLocks locks_;
  mutable std::mutex stats_mutex_;
  RouterStats stats_;
};

}  // namespace

std::unique_ptr<Router> MakeRouter(RouterParts parts) { return std::make_unique<RouterImpl>(std::move(parts)); }

}  // namespace bantam
