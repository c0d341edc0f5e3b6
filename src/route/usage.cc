#include "route/usage.h"

#include <algorithm>

#include "base/log.h"
#include "route/audit_reader.h"

namespace bantam {
namespace {

constexpr int64_t kMicros = 1'000'000;

constexpr std::array kSources = {AnswerSource::kRule, AnswerSource::kCache, AnswerSource::kLocalModel,
                                 AnswerSource::kUpstream};

// What it cost is known of every call; the rest of those that got an answer.
Usage Answered(AnswerSource source, bool unsure, bool escalated, double cost) {
  Usage usage{.messages = 1, .unsure = unsure, .escalated = escalated, .cost = cost};
  usage.by_source[static_cast<size_t>(source)] = 1;
  return usage;
}

// One that was switched off was not asked.
bool WasEscalated(const AuditRecord& record) {
  return record.outcome == "queued" ||
         (record.outcome.starts_with("upstream_") && record.outcome != "upstream_disabled");
}

}  // namespace

Usage& Usage::operator+=(const Usage& more) {
  messages += more.messages;
  for (size_t i = 0; i < by_source.size(); ++i) by_source[i] += more.by_source[i];
  unsure += more.unsure;
  escalated += more.escalated;
  late_answers += more.late_answers;
  cost += more.cost;
  label_cost += more.label_cost;
  return *this;
}

Usage UsageOf(bool answered, const AssistantAnswer& answer, bool upstream_asked) {
  if (!answered) return {.cost = answer.cost};
  return Answered(answer.source, answer.decision == DecisionKind::kUnsure, upstream_asked || answer.queued,
                  answer.cost);
}

Usage UsageOf(const AuditRecord& record) {
  if (record.decision == kLabelDecision) return {.label_cost = record.cost};
  if (!IsAnswer(record)) return {};
  const auto source = std::ranges::find(kSources, record.source, AnswerSourceName);
  if (source == kSources.end() || record.answer_sha256.empty()) return {.cost = record.cost};
  const bool by_upstream = *source == AnswerSource::kUpstream;
  // Nobody waited for it: the message was counted when it was queued.
  if (by_upstream && record.latency_ms == 0) return {.late_answers = record.outcome == "ok", .cost = record.cost};
  return Answered(*source, record.decision == DecisionKindName(DecisionKind::kUnsure),
                  by_upstream || WasEscalated(record), record.cost);
}

UsageHistory::UsageHistory() {
  for (size_t i = 0; i < rings_.size(); ++i) rings_[i].resize(kUsageWidths[i].num_buckets);
}

void UsageHistory::Add(int64_t time_s, const Usage& more) {
  total_ += more;
  for (size_t i = 0; i < rings_.size(); ++i) AddTo(i, time_s - time_s % kUsageWidths[i].seconds, more);
}

void UsageHistory::Add(const UsageHistory& other) {
  total_ += other.total_;
  for (size_t i = 0; i < rings_.size(); ++i) {
    for (const UsageBucket& bucket : other.rings_[i]) AddTo(i, bucket.begin_s, bucket.usage);
  }
}

void UsageHistory::AddTo(size_t width, int64_t begin_s, const Usage& more) {
  std::vector<UsageBucket>& ring = rings_[width];
  UsageBucket& bucket = ring[static_cast<size_t>(begin_s / kUsageWidths[width].seconds) % ring.size()];
  if (bucket.begin_s > begin_s) return;  // a newer one is in its place
  if (bucket.begin_s < begin_s) bucket = {.begin_s = begin_s, .usage = {}};
  bucket.usage += more;
}

std::vector<UsageBucket> UsageHistory::Buckets(size_t width, int64_t now_s) const {
  const int64_t seconds = kUsageWidths[width].seconds;
  const int64_t after = now_s - seconds * static_cast<int64_t>(kUsageWidths[width].num_buckets);
  std::vector<UsageBucket> found;
  for (const UsageBucket& bucket : rings_[width]) {
    const Usage& usage = bucket.usage;
    const bool any = usage.messages > 0 || usage.late_answers > 0 || usage.cost > 0 || usage.label_cost > 0;
    if (any && bucket.begin_s > after) found.push_back(bucket);
  }
  std::ranges::sort(found, {}, &UsageBucket::begin_s);
  return found;
}

std::optional<double> UsageReport::CostIfAllEscalated(const Usage& usage) const {
  if (!answer_cost) return std::nullopt;
  return usage.cost + *answer_cost * static_cast<double>(usage.messages - usage.escalated);
}

void UsageMeter::SetPast(Path audit_file, int64_t num_records) {
  const std::lock_guard lock(past_mutex_);
  past_file_ = std::move(audit_file);
  past_records_ = num_records;
}

void UsageMeter::Count(const Usage& more) {
  const int64_t now_s = WallMicros() / kMicros;
  const std::lock_guard lock(mutex_);
  history_.Add(now_s, more);
  since_start_ += more;
}

UsageReport UsageMeter::Report() {
  const std::lock_guard past_lock(past_mutex_);
  UsageHistory past;
  if (!past_file_.empty()) {
    if (const Status read = ReadPast(past); !read)
      Log(LogLevel::kWarning, "what was asked before the start is not known: {}", read.error().message);
    past_file_.clear();
  }
  UsageReport report;
  report.started_s = started_us_ / kMicros;
  report.since_s = since_us_ / kMicros;
  const int64_t now_s = WallMicros() / kMicros;
  const std::lock_guard lock(mutex_);
  history_.Add(past);
  report.since_start = since_start_;
  const Usage& total = history_.total();
  const int64_t answers = total.by_source[static_cast<size_t>(AnswerSource::kUpstream)] + total.late_answers;
  if (answers > 0) report.answer_cost = total.cost / static_cast<double>(answers);
  for (size_t i = 0; i < report.buckets.size(); ++i) report.buckets[i] = history_.Buckets(i, now_s);
  return report;
}

Status UsageMeter::ReadPast(UsageHistory& past) {
  // By number, not by bytes: a purge makes the file shorter.
  BANTAM_TRY(AuditReader reader, AuditReader::OpenAfter(past_file_, past_records_ - kMostPastRecords));
  return ReadRecords(reader, [&](const AuditRecord& record, std::string_view) {
    if (record.time_us >= started_us_) return false;  // counted when it was written
    past.Add(record.time_us / kMicros, UsageOf(record));
    since_us_ = std::min(since_us_, record.time_us);
    return true;
  });
}

}  // namespace bantam
