#include "route/usage.h"

#include <gtest/gtest.h>

#include "route/audit_purge.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;
using testing::TempFolder;

constexpr int64_t kNow = 1'795'000'000;
constexpr int64_t kDay = 86'400;

enum { kMinutes, kHours, kDays };

Usage One(double cost = 0) { return {.messages = 1, .by_source = {0, 0, 1, 0}, .cost = cost}; }

AuditRecord Record(AnswerSource source, DecisionKind decision, std::string outcome = "ok", double cost = 0) {
  AuditRecord record;
  record.request_id = "r";
  record.source = AnswerSourceName(source);
  record.decision = DecisionKindName(decision);
  record.outcome = std::move(outcome);
  record.cost = cost;
  record.latency_ms = 2;
  record.question_sha256 = record.answer_sha256 = std::string(64, 'a');
  return record;
}

UpstreamReply Reply(UpstreamOutcome outcome, double cost) {
  UpstreamReply reply;
  reply.outcome = outcome;
  (outcome == UpstreamOutcome::kOk ? reply.text : reply.problem) = "Let me see.";
  reply.cost = cost;
  return reply;
}

int64_t Messages(const std::vector<UsageBucket>& buckets) {
  int64_t sum = 0;
  for (const UsageBucket& bucket : buckets) sum += bucket.usage.messages;
  return sum;
}

TEST(UsageHistory, BucketsBeginAtMultiplesOfTheirWidthAndComeInOrder) {
  UsageHistory history;
  for (const int64_t ago : {0, 61, 61, 3'700, 90'000}) history.Add(kNow - ago, One(0.5));
  const std::vector<UsageBucket> minutes = history.Buckets(kMinutes, kNow);
  ASSERT_EQ(minutes.size(), 3u);
  EXPECT_LT(minutes[0].begin_s, minutes[1].begin_s);
  EXPECT_EQ(minutes[1].usage.messages, 2);
  EXPECT_DOUBLE_EQ(minutes[1].usage.cost, 1);
  for (const UsageBucket& bucket : minutes) EXPECT_EQ(bucket.begin_s % 60, 0);
  EXPECT_EQ(Messages(history.Buckets(kHours, kNow)), 5);
  EXPECT_EQ(Messages(history.Buckets(kDays, kNow)), 5);
  EXPECT_EQ(history.total().messages, 5);
}

TEST(UsageHistory, WhatIsTooOldForARingIsOnlyInTheTotal) {
  UsageHistory history;
  history.Add(kNow, One());
  history.Add(kNow - 91 * kDay, One());  // later than what is newer, as the audit log is read
  history.Add(kNow - 89 * kDay, One());
  EXPECT_EQ(Messages(history.Buckets(kMinutes, kNow)), 1);
  EXPECT_EQ(Messages(history.Buckets(kHours, kNow)), 1);
  EXPECT_EQ(Messages(history.Buckets(kDays, kNow)), 2);
  EXPECT_EQ(history.total().messages, 3);
  EXPECT_EQ(history.Buckets(kDays, kNow + 400 * kDay).size(), 0u) << "a year of silence";
}

TEST(UsageHistory, TheRingsTakeTurnsWithoutGrowing) {
  UsageHistory history;
  const int64_t midnight = kNow - kNow % kDay, now = midnight + 10 * kDay - 1;
  for (int64_t time = midnight; time <= now; time += 30) history.Add(time, One());
  EXPECT_EQ(history.Buckets(kMinutes, now).size(), 120u);
  for (const UsageBucket& bucket : history.Buckets(kMinutes, now)) EXPECT_EQ(bucket.usage.messages, 2);
  EXPECT_EQ(history.Buckets(kHours, now).size(), 168u);
  EXPECT_EQ(history.Buckets(kDays, now).size(), 10u);
}

TEST(UsageHistory, OneAddedToAnotherIsBothTogether) {
  UsageHistory one, other, both;
  for (int64_t ago = 0; ago < 200'000; ago += 777) {
    (ago % 2 == 0 ? one : other).Add(kNow - ago, One());
    both.Add(kNow - ago, One());
  }
  one.Add(other);
  for (const size_t width : {kMinutes, kHours, kDays}) {
    const auto sums = one.Buckets(width, kNow), expected = both.Buckets(width, kNow);
    ASSERT_EQ(sums.size(), expected.size());
    for (size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i].usage.messages, expected[i].usage.messages);
  }
}

TEST(Usage, ARecordIsCountedAsItsCallWas) {
  using enum AnswerSource;
  const auto escalated = [](const AuditRecord& record) { return UsageOf(record).escalated; };
  EXPECT_EQ(escalated(Record(kUpstream, DecisionKind::kEscalate)), 1);
  EXPECT_EQ(escalated(Record(kLocalModel, DecisionKind::kUnsure, "upstream_timeout")), 1);
  EXPECT_EQ(escalated(Record(kLocalModel, DecisionKind::kUnsure, "upstream_disabled")), 0);
  EXPECT_EQ(escalated(Record(kLocalModel, DecisionKind::kEscalate, "queued")), 1);
  EXPECT_EQ(escalated(Record(kCache, DecisionKind::kEscalate)), 0);
  EXPECT_EQ(UsageOf(Record(kLocalModel, DecisionKind::kUnsure)).unsure, 1);
  AuditRecord late = Record(kUpstream, DecisionKind::kEscalate, "ok", 0.25);
  late.latency_ms = 0;
  EXPECT_EQ(UsageOf(late).messages, 0) << "counted when it was queued";
  EXPECT_EQ(UsageOf(late).late_answers, 1);
  EXPECT_DOUBLE_EQ(UsageOf(late).cost, 0.25);
  AuditRecord broken = Record(kUpstream, DecisionKind::kEscalate, "upstream_truncated", 0.5);
  broken.answer_sha256.clear();
  EXPECT_EQ(UsageOf(broken).messages, 0);
  EXPECT_DOUBLE_EQ(UsageOf(broken).cost, 0.5) << "it was paid for";
  AuditRecord label = Record(kUpstream, DecisionKind::kAnswer, "ok", 0.75);
  label.decision = kLabelDecision;
  EXPECT_EQ(UsageOf(label).messages, 0);
  EXPECT_DOUBLE_EQ(UsageOf(label).label_cost, 0.75);
  for (const std::string_view decision : {kFeedbackDecision, kLearningDecision, kQueueDecision, kPurgeDecision}) {
    label.decision = decision;
    EXPECT_EQ(UsageOf(label).messages + UsageOf(label).escalated, 0);
  }
}

TEST(Usage, ARouterCountsWhoAnsweredAndWhatWasSaved) {
  Desk desk;
  desk.big->reply = Reply(UpstreamOutcome::kOk, 0.02);
  desk.Say("opening hours");
  desk.Say("do fish sleep");
  desk.Say("i will sue you");
  const UsageReport report = desk.router->ReadUsage();
  EXPECT_EQ(report.since_s, report.started_s);
  const Usage& usage = report.since_start;
  EXPECT_EQ(usage.messages, 3);
  EXPECT_EQ(usage.by_source[static_cast<size_t>(AnswerSource::kLocalModel)], 2);
  EXPECT_EQ(usage.by_source[static_cast<size_t>(AnswerSource::kUpstream)], 1);
  EXPECT_EQ(usage.unsure, 1);
  EXPECT_EQ(usage.escalated, 1);
  EXPECT_DOUBLE_EQ(usage.cost, 0.02);
  EXPECT_DOUBLE_EQ(report.answer_cost.value(), 0.02);
  EXPECT_DOUBLE_EQ(report.CostIfAllEscalated(usage).value(), 0.06);
  for (const auto& buckets : report.buckets) EXPECT_EQ(Messages(buckets), 3);
}

TEST(Usage, NoPriceIsKnownBeforeALargeModelHasAnswered) {
  Desk desk;
  desk.Say("opening hours");
  const UsageReport report = desk.router->ReadUsage();
  EXPECT_FALSE(report.answer_cost);
  EXPECT_FALSE(report.CostIfAllEscalated(report.since_start));
}

TEST(Usage, TheAuditLogTellsOfTheTimeBeforeTheStartAndNothingTwice) {
  TempFolder folder;
  const Path file = folder / "audit.jsonl";
  {
    const auto log = AuditLog::Open(file).value();
    for (const double cost : {0.01, 0.03}) {
      ASSERT_OK(log->Append(Record(AnswerSource::kUpstream, DecisionKind::kEscalate, "ok", cost)));
      ASSERT_OK(log->Append(Record(AnswerSource::kCache, DecisionKind::kAnswer)));
    }
  }
  UsageMeter meter;
  meter.SetPast(file, 4);
  {
    const auto log = AuditLog::Open(file).value();
    const AuditRecord now = Record(AnswerSource::kLocalModel, DecisionKind::kAnswer);
    ASSERT_OK(log->Append(now));
    meter.Count(UsageOf(now));
  }
  for (int time = 0; time < 2; ++time) {
    const UsageReport report = meter.Report();
    EXPECT_EQ(report.since_start.messages, 1);
    EXPECT_EQ(Messages(report.buckets[kDays]), 5);
    EXPECT_DOUBLE_EQ(report.answer_cost.value(), 0.02);
    EXPECT_LE(report.since_s, report.started_s);
  }
}

TEST(Usage, APurgeBeforeTheFirstReportTakesNothingFromThePast) {
  TempFolder folder;
  const Path file = folder / "audit.jsonl";
  const auto log = AuditLog::Open(file).value();
  AuditRecord record = Record(AnswerSource::kLocalModel, DecisionKind::kAnswer);
  record.question = std::string(50'000, 'q');
  for (int i = 0; i < 40; ++i) ASSERT_OK(log->Append(record));
  UsageMeter meter;
  meter.SetPast(file, log->end().records);
  ASSERT_OK(PurgeAuditLog(*log, {.before_us = INT64_MAX}));
  record.question.clear();
  for (int i = 0; i < 7; ++i) {
    ASSERT_OK(log->Append(record));
    meter.Count(UsageOf(record));
  }
  const UsageReport report = meter.Report();
  EXPECT_EQ(Messages(report.buckets[kDays]), 47);
  EXPECT_LT(report.since_s, report.started_s + 1);
}

TEST(Usage, ALogThatIsNoLogIsNoReasonNotToCount) {
  TempFolder folder;
  const Path file = folder / "audit.jsonl";
  ASSERT_OK(WriteFileAtomic(file, "no record\n"));
  UsageMeter meter;
  meter.SetPast(file, 10);
  meter.Count(One());
  EXPECT_EQ(meter.Report().since_start.messages, 1);
}

TEST(Usage, TheCountsOfARouterAreThoseOfItsRecords) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  desk.big->reply = Reply(UpstreamOutcome::kOk, 0.02);
  for (const char* text : {"opening hours", "opening hours", "i will sue you", "do fish sleep", "refund please"})
    desk.Say(text);
  desk.big->reply = Reply(UpstreamOutcome::kTimeout, 0);
  desk.Say("my lawyer will call");
  Usage recorded;
  for (const AuditRecord& record : stored.Records()) recorded += UsageOf(record);
  const Usage counted = desk.router->ReadUsage().since_start;
  EXPECT_EQ(counted.messages, 6);
  EXPECT_EQ(counted.messages, recorded.messages);
  EXPECT_EQ(counted.by_source, recorded.by_source);
  EXPECT_EQ(counted.unsure, recorded.unsure);
  EXPECT_EQ(counted.escalated, recorded.escalated);
  EXPECT_DOUBLE_EQ(counted.cost, recorded.cost);
}

}  // namespace
}  // namespace bantam
