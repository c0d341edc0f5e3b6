// A router: calls that are answered, counted and recorded. What happens in one is in answering.cc.
#include "route/router.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/check.h"
#include "base/log.h"
#include "base/text_util.h"
#include "kernels/isa.h"
#include "route/answering.h"
#include "route/decision_record.h"
#include "route/explanation.h"
#include "route/requests.h"
#include "route/retention.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

constexpr int kMostCaution = 2;  // a quarter of the budget

std::vector<double> Confidences(const Calibration& calibration) {
  std::vector<double> confidences;
  for (const CalibrationPoint& point : calibration.points) confidences.push_back(point.confidence);
  return confidences;
}

class RouterImpl : public Router {
 public:
  explicit RouterImpl(RouterParts parts)
      : parts_(std::move(parts)),
        drift_(Confidences(parts_.intents->calibration()), parts_.file.drift.value_or(DriftRule())) {
    if (const auto kernels = SelectKernels()) isa_ = IsaName((*kernels)->isa);
    for (int caution = 0; caution <= kMostCaution; ++caution) {
      policies_.emplace_back(parts_.file, parts_.intents->threshold(), parts_.intents->calibration(), caution);
    }
    if (!parts_.send) {
      parts_.send = [](const OutgoingRequest&, std::stop_token) -> Result<IncomingResponse> {
        return Err(ErrorCode::kUnavailable, "services are not called here");
      };
    }
    if (parts_.learner) {
      parts_.learner->Start([this](AuditRecord record) {
        CountLabel(record);
        FillIdentity(record);
        Append(std::move(record));
      });
    }
    // Drift was found in what one calibration says; another one is not under suspicion.
    const std::lock_guard lock(parts_.ledger->stats_mutex);
    if (parts_.ledger->calibration_id != policy().calibration_id()) parts_.ledger->stats.caution = 0;
    parts_.ledger->calibration_id = policy().calibration_id();
    caution_ = parts_.ledger->stats.caution;
  }

  // Its thread records by what is declared after parts_, and so destroyed before it.
  ~RouterImpl() override { parts_.learner.reset(); }

  Result<AssistantAnswer> Answer(const AssistantRequest& request, const DeltaSink& sink) override {
    const MonotonicTime start = MonotonicNow();
    Answering call(parts_, policy(), request, sink);
    Result<AssistantAnswer> result = call.Run();
    Finish(request, call, result, MillisecondsSince(start));
    return result;
  }

  std::optional<AssistantAnswer> AnswerAtOnce(const AssistantRequest& request) override {
    if (parts_.audit && parts_.audit->slow()) return std::nullopt;
    const MonotonicTime start = MonotonicNow();
    const DeltaSink whole;
    Answering call(parts_, policy(), request, whole);
    std::optional<AssistantAnswer> answer = call.RunAtOnce();
    if (!answer) return std::nullopt;
    Result<AssistantAnswer> result = *std::move(answer);
    Finish(request, call, result, MillisecondsSince(start));
    return *std::move(result);
  }

  Result<Explanation> Explain(std::string_view text) override {
    BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, MonotonicTime::max()));
    return ExplainMessage(text, std::move(understanding), MonotonicTime::max());
  }

  Result<std::vector<Explanation>> ExplainAll(std::span<const std::string> texts, const EmbedCall& call) override {
    BANTAM_TRY(std::vector<Understanding> all, parts_.intents->UnderstandAll(texts, call));
    std::vector<Explanation> explanations;
    for (size_t i = 0; i < all.size(); ++i) {
      BANTAM_TRY(Explanation explanation, ExplainMessage(texts[i], std::move(all[i]), call.deadline));
      explanations.push_back(std::move(explanation));
    }
    return explanations;
  }

  Result<FeedbackReceipt> TakeFeedback(const Feedback& feedback) override {
    if (!parts_.audit) return Err(ErrorCode::kUnavailable, "feedback is kept in the audit log, and there is none here");
    const std::lock_guard lock(parts_.ledger->book_mutex);
    AnswerBook& book = parts_.ledger->book;
    if (book.Find(feedback.request_id) == nullptr) book.ReadLog(parts_.audit->file());
    AnswerBook::Answer* answer = book.Find(feedback.request_id);
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
    if (parts_.learner && !record.route.empty() && !answer->question.empty()) {
      parts_.learner->Tell({.text = answer->question,
                            .request_id = feedback.request_id,
                            .guess = answer->route,
                            .confidence = answer->confidence},
                           record.route);
    }
    FillIdentity(record);
    BANTAM_RETURN_IF_ERROR(parts_.audit->Append(record));
    book.Add(record);
    return receipt;
  }

  Status SendQueued(const TakeSent& take, MonotonicTime deadline, std::stop_token stop) override {
    BANTAM_RETURN_IF_ERROR(CheckQueue());
    const std::lock_guard lock(parts_.ledger->send_mutex);
    const TakeSent record_and_take = [&](const SentQuestion& sent) {
      AuditRecord record = RecordOf(sent);
      {
        const std::lock_guard stats_lock(parts_.ledger->stats_mutex);
        RouterStats& stats = parts_.ledger->stats;
        ++stats.upstream_requests;
        stats.upstream_failures += !sent.problem.empty();
        stats.total_cost += sent.reply.cost;
      }
      parts_.ledger->usage.Count(UsageOf(record));
      Prepare(record);
      Append(std::move(record));
      KeepLateAnswer(sent);
      take(sent);
    };
    return bantam::SendQueued(*parts_.queue, parts_.file, parts_.upstreams, record_and_take, deadline, stop);
  }

  Result<int64_t> CountQueued() override {
    BANTAM_RETURN_IF_ERROR(CheckQueue());
    return parts_.queue->Count();
  }

  Status TakeOutOldTexts(const std::stop_token& stop) override { return bantam::TakeOutOldTexts(parts_, stop); }

  const RouteFile& file() const override { return parts_.file; }
  const DecisionPolicy& policy() const override { return policies_[static_cast<size_t>(caution_.load())]; }
  const Head& head() const override {
    BANTAM_CHECK(parts_.intents->head() != nullptr, "this router was made without a head");
    return *parts_.intents->head();
  }
  Embedder& embedder() override {
    BANTAM_CHECK(parts_.intents->embedder() != nullptr, "this router was made without an embedder");
    return *parts_.intents->embedder();
  }
  RouterStats Stats() const override {
    RouterStats stats;
    {
      const std::lock_guard lock(parts_.ledger->stats_mutex);
      stats = parts_.ledger->stats;
    }
    stats.caution = caution_;
    if (parts_.spending) stats.spending = parts_.spending->States();
    if (parts_.cache) stats.cache = parts_.cache->Stats();
    if (parts_.similar) stats.semantic_cache = parts_.similar->Stats();
    return stats;
  }
  UsageReport ReadUsage() override { return parts_.ledger->usage.Report(); }
  const RouterParts& parts() const override { return parts_; }

 private:
  void Finish(const AssistantRequest& request, const Answering& call, Result<AssistantAnswer>& result,
              double latency_ms) {
    if (result) result->latency_ms = latency_ms;
    const AssistantAnswer& answer = result ? *result : call.answer();
    Count(result.has_value(), answer, call.notes());
    Record(request, call, result, answer, latency_ms);
    if (call.notes().decided && parts_.file.drift) WatchForDrift(*call.notes().decided);
  }

  Result<Explanation> ExplainMessage(std::string_view text, Understanding understanding, MonotonicTime deadline) const {
    BANTAM_TRY(Judgement judgement,
               JudgeMessage(parts_.file, policy(), *parts_.intents, text, std::move(understanding), deadline));
    return bantam::Explain(parts_.file, policy(), std::move(judgement));
  }

  // Halving is caution, not proof: under drift nothing is certified. Window by window it goes further, or back.
  void WatchForDrift(double confidence) {
    const std::optional<DriftFinding> finding = drift_.Add(confidence);
    if (!finding) return;
    int before = 0, now = 0;
    {
      const std::lock_guard lock(parts_.ledger->stats_mutex);
      RouterStats& stats = parts_.ledger->stats;
      ++stats.drift_windows;
      stats.drift_alarms += finding->drifted;
      stats.drift_distance = finding->distance;
      before = caution_;
      now = std::clamp(before + (finding->drifted ? 1 : -1), 0, kMostCaution);
      caution_ = now;
      if (parts_.ledger->calibration_id == policy().calibration_id()) stats.caution = now;
    }
    if (finding->drifted) {
      Log(LogLevel::kWarning,
          "drift: the last {} messages are not like those of the calibration (confidences {:.3f} apart, {:.3f} by "
          "chance; "
          "mean {:.3f}, was {:.3f}); the error budget is not certified for them, and answers are held to 1/{} of it",
          parts_.file.drift->window, finding->distance, finding->limit, finding->mean, finding->calibration_mean,
          1 << now);
    } else if (before > 0) {
      Log(LogLevel::kInfo,
          "drift: the last {} messages are like those of the calibration; answers are held to {} error budget",
          parts_.file.drift->window, now == 0 ? "the whole" : fmt::format("1/{} of the", 1 << now));
    }
  }

  void Count(bool answered, const AssistantAnswer& answer, const Answering::Notes& notes) {
    parts_.ledger->usage.Count(UsageOf(answered, answer, notes.upstream_asked));
    const std::lock_guard lock(parts_.ledger->stats_mutex);
    RouterStats& stats = parts_.ledger->stats;
    ++stats.requests;
    if (answered) {
      ++stats.by_source[static_cast<size_t>(answer.source)];
      ++stats.by_decision[static_cast<size_t>(answer.decision)];
    }
    stats.cache_lookups += notes.cache_looked_up;
    stats.cache_hits += answer.cache_hit;
    stats.upstream_requests += notes.upstream_asked;
    stats.upstream_failures += notes.upstream_failed;
    stats.total_cost += answer.cost;
  }

  void Record(const AssistantRequest& request, const Answering& call, const Result<AssistantAnswer>& result,
              const AssistantAnswer& answer, double latency_ms) {
    if (!parts_.audit) return;
    AuditRecord record = RecordOf(request, call, result, answer);
    record.latency_ms = latency_ms;
    Prepare(record);
    if (parts_.learner && result) Learn(call, answer, record);
    Append(std::move(record));
  }

  // What was decided on by its text alone: not a turn of a form, nor a choice of ours.
  void Learn(const Answering& call, const AssistantAnswer& answer, AuditRecord& record) {
    const Answering::Notes& notes = call.notes();
    if (!notes.decided && !answer.cache_hit) return;
    Learner& learner = *parts_.learner;
    record.propensity = learner.Draw(record.request_id);
    const bool asked_back = answer.decision == DecisionKind::kClarify;
    const bool escalated = notes.decided && answer.route.empty() && !asked_back;
    if (notes.decided) {
      learner.Count(
          {.messages = 1, .escalated = escalated, .asked_back = asked_back, .audited = record.propensity.has_value()});
      if (answer.parts.empty()) learner.Compare(std::string(call.question()), notes.read, answer.route);
    }
    const bool wanted = escalated && learner.rule().from_escalations;
    if (!wanted && !record.propensity) return;
    learner.Hear({.text = record.question,
                  .request_id = record.request_id,
                  .guess = notes.decided ? notes.likeliest : answer.route,
                  .confidence = answer.confidence,
                  .answered = !answer.route.empty(),
                  .escalated = wanted,
                  .drawn = record.propensity.has_value()});
  }

  void CountLabel(const AuditRecord& record) {
    if (record.decision != kLabelDecision) return;
    parts_.ledger->usage.Count(UsageOf(record));
    const std::lock_guard lock(parts_.ledger->stats_mutex);
    RouterStats& stats = parts_.ledger->stats;
    ++stats.upstream_requests;
    stats.upstream_failures += record.outcome != "ok" && record.outcome != "unreadable";
    stats.total_cost += record.cost;
  }

  // As the route file wants records to be.
  void Prepare(AuditRecord& record) const {
    FillIdentity(record);
    if (!parts_.file.audit_texts) {
      record.question.clear();
      record.answer.clear();
      if (record.similar) record.similar->reason.clear();
    } else if (parts_.file.pii) {
      PiiMask mask(*parts_.file.pii);
      mask.Reserve(record.question);
      mask.Reserve(record.answer);
      record.question = mask.Mask(record.question);
      record.answer = mask.Mask(record.answer);
      if (record.similar) record.similar->reason = mask.Mask(record.similar->reason);
    }
  }

  void Append(AuditRecord record) {
    if (!parts_.audit) return;
    if (const Status appended = parts_.audit->Append(record); !appended) {
      Log(LogLevel::kError, "the decision on request {} is not in the audit log: {}", record.request_id,
          appended.error().message);
      return;
    }
    const std::lock_guard lock(parts_.ledger->book_mutex);
    parts_.ledger->book.Add(record);
  }

  // Kept before the question leaves the queue: where that fails, or the process is killed, it is asked again.
  void KeepLateAnswer(const SentQuestion& sent) {
    if (!parts_.late) return;
    if (const Status kept = KeepEnd(*parts_.late, sent); !kept) {
      Log(LogLevel::kError, "the late answer to request {} is not kept: {}", sent.question.request.request_id,
          kept.error().message);
    }
  }

  Status CheckQueue() const {
    return parts_.queue ? Ok() : Status(Err(ErrorCode::kUnsupported, "this assistant was loaded without a queue"));
  }

  void FillIdentity(AuditRecord& record) const {
    record.route_file_sha256 = parts_.file.sha256;
    record.head_sha256 = parts_.intents->identity();
    record.isa = isa_;
  }

  RouterParts parts_;
  std::string isa_;                       // of the kernels; empty: none can run here
  std::vector<DecisionPolicy> policies_;  // by caution
  std::atomic<int> caution_ = 0;
  DriftWatch drift_;
};

}  // namespace

std::unique_ptr<Router> MakeRouter(RouterParts parts) { return std::make_unique<RouterImpl>(std::move(parts)); }

}  // namespace bantam
