// How much an assistant is asked, who answers, and what it costs, over time: by minute, hour and day. No texts.
//
//   UsageMeter meter;
//   meter.SetPast(audit_file, num_records);             // what a log says of the time before; read when it is asked
//   for meter.Count(UsageOf(true, answer, notes.upstream_asked)); const UsageReport report = meter.Report();
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <vector>

#include "base/file_io.h"
#include "route/audit_log.h"
#include "route/types.h"

namespace bantam {

// In some span of time.
struct Usage {
  int64_t messages = 0;                   // that got an answer
  std::array<int64_t, 4> by_source = {};  // of them; indexed by AnswerSource
  int64_t unsure = 0;                     // of them: nobody was sure
  int64_t escalated = 0;     // of them: a large model was asked, or is to be asked later; whatever came of it
  int64_t late_answers = 0;  // of large models, to messages that had waited for them
  double cost = 0;           // of what large models were asked, in the currency of the route file's prices
  double label_cost = 0;     // of what the teacher was asked; not part of `cost`

  Usage& operator+=(const Usage& more);
};

// Of one call of a router. `answer` is as far as it came where it was not `answered`.
Usage UsageOf(bool answered, const AssistantAnswer& answer, bool upstream_asked);
// Of a record, whatever it is about: the same as was counted when it was written.
Usage UsageOf(const AuditRecord& record);

struct UsageBucket {
  int64_t begin_s = 0;  // since 1970; a multiple of the width
  Usage usage;
};

struct UsageWidth {
  int64_t seconds;
  size_t num_buckets;
};
inline constexpr std::array<UsageWidth, 3> kUsageWidths = {{{60, 120}, {3'600, 7 * 24}, {86'400, 90}}};

// Rings of buckets: some additions for each message, and as much memory after a year as after an hour. One thread.
class UsageHistory {
 public:
  UsageHistory();
  void Add(int64_t time_s, const Usage& more);  // in any order; what is older than a ring is only in the total
  void Add(const UsageHistory& other);
  const Usage& total() const { return total_; }
  // Those of kUsageWidths[width] up to now, the oldest first; without those in which nothing happened.
  std::vector<UsageBucket> Buckets(size_t width, int64_t now_s) const;

 private:
  void AddTo(size_t width, int64_t begin_s, const Usage& more);

  std::array<std::vector<UsageBucket>, kUsageWidths.size()> rings_;
  Usage total_;
};

struct UsageReport {
  int64_t started_s = 0;  // since when this process counts
  int64_t since_s = 0;    // since when it is known: as far as the audit log was read
  Usage since_start;
  std::optional<double> answer_cost;  // of a large model's answer, on average; none: none is known
  std::array<std::vector<UsageBucket>, kUsageWidths.size()> buckets;

  // What it would have cost to ask a large model about every message.
  std::optional<double> CostIfAllEscalated(const Usage& usage) const;
};

// Thread-safe.
class UsageMeter {
 public:
  static constexpr int64_t kMostPastRecords = 100'000;

  // The first records of an audit log, which others wrote. Before the first Report.
  void SetPast(Path audit_file, int64_t num_records);
  void Count(const Usage& more);
  // The first one reads the past, which takes a second or two for a long log. Trouble with it is logged.
  UsageReport Report();

 private:
  Status ReadPast(UsageHistory& past);

  const int64_t started_us_ = WallMicros();
  std::mutex past_mutex_;  // guards the past, while it is read as well
  Path past_file_;         // empty: there is none, or it was read
  int64_t past_records_ = 0;
  int64_t since_us_ = started_us_;
  std::mutex mutex_;  // guards these
  UsageHistory history_;
  Usage since_start_;
};

}  // namespace bantam
