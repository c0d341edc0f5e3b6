// A router: calls that are answered, counted and recorded. What happens in one is in answering.cc.
#include "route/router.h"

#include <mutex>

#include "base/check.h"
#include "base/log.h"
#include "base/text_util.h"
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

  Result<FeedbackReceipt> TakeFeedback(const Feedback& feedback) override {
    if (!parts_.audit) return Err(ErrorCode::kUnavailable, "feedback is kept in the audit log, and there is none here");
    const std::lock_guard lock(book_mutex_);
    if (book_.Find(feedback.request_id) == nullptr) book_.ReadLog(parts_.audit_file);
    AnswerBook::Answer* answer = book_.Find(feedback.request_id);
    if (answer == nullptr) {
      return Err(ErrorCode::kNotFound, "no answer \"{}\" among the latest {}; give the \"id\" or \"request_id\" of one",
                 EscapeForTerminal(feedback.request_id, 80), AnswerBook::kMostAnswers);
    }
    BANTAM_TRY(AuditRecord record, FeedbackRecord(feedback, *answer, parts_.file));
    FeedbackReceipt receipt{.recorded = true, .right_route = record.route};
    if (const auto& before = answer->feedback;
        before && before->right == feedback.right && before->right_route == record.route) {
      receipt.recorded = false;
      return receipt;
    }
    FillIdentity(record);
    BANTAM_RETURN_IF_ERROR(parts_.audit->Append(record));
    book_.Add(record);
    return receipt;
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
    FillIdentity(record);
    if (!parts_.file.audit_texts) {
      record.question.clear();
      record.answer.clear();
    }
    if (const Status appended = parts_.audit->Append(record); !appended) {
      Log(LogLevel::kError, "the decision on request {} is not in the audit log: {}", request.request_id,
          appended.error().message);
      return;
    }
    const std::lock_guard lock(book_mutex_);
    book_.Add(record);
  }

  void FillIdentity(AuditRecord& record) const {
    record.route_file_sha256 = parts_.file.sha256;
    record.head_sha256 = parts_.intents->identity();
  }

  RouterParts parts_;
  const DecisionPolicy policy_;
  SessionLocks locks_;
  std::mutex book_mutex_;
  AnswerBook book_;
  mutable std::mutex stats_mutex_;
  RouterStats stats_;
};

}  // namespace

std::unique_ptr<Router> MakeRouter(RouterParts parts) { return std::make_unique<RouterImpl>(std::move(parts)); }

}  // namespace bantam
