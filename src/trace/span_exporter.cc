#include "trace/span_exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "base/log.h"
#include "base/text_util.h"
#include "net/retry_after.h"
#include "trace/otlp_json.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMostWaiting = 4096, kMostInABatch = 512;  // spans of some 700 bytes
constexpr milliseconds kBatchTime{1'000};
constexpr int kMostAttempts = 5;
constexpr milliseconds kFirstPause{500}, kLongestPause{30'000};
constexpr milliseconds kLastWords{5'000};

// Half of it at least; the rest is drawn, so that servers that were refused together do not come back together.
milliseconds WithJitter(milliseconds pause) {
  thread_local std::minstd_rand random(std::random_device{}());
  return pause / 2 + milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, pause.count() / 2)(random));
}

struct ProcessStats {
  std::atomic<bool> any = false;
  std::atomic<uint64_t> sent = 0, dropped = 0;
};
constinit ProcessStats process;

bool IsForNow(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

}  // namespace

struct SpanExporter::Attempt {
  bool taken = false, may_retry = false, reachable = true;
  uint64_t rejected = 0;  // of a batch that was taken
  std::string problem = {};
  std::optional<milliseconds> retry_after = {};
};

SpanExporter::SpanExporter(ExportOptions options)
    : options_(std::move(options)), origin_(OriginOf(options_.url).value_or("the collector")) {
  process.any = true;
  thread_ = std::thread([this] { Main(); });
}

SpanExporter::~SpanExporter() { Stop(MonotonicNow()); }

void SpanExporter::Add(Span span) {
  std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= kMostWaiting) {
    return Count(0, 1);
  }
  waiting_.push_back(std::move(span));
  if (waiting_.size() == 1 || waiting_.size() == kMostInABatch) changed_.notify_one();
}

void SpanExporter::Count(uint64_t sent, uint64_t dropped) {
  stats_.sent += sent;
  stats_.dropped += dropped;
  process.sent += sent;
  process.dropped += dropped;
}

std::optional<ExportStats> SpanExporter::StatsOfProcess() {
  if (!process.any) return std::nullopt;
  return ExportStats{.sent = process.sent, .dropped = process.dropped};
}

ExportStats SpanExporter::Stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void SpanExporter::Stop(MonotonicTime deadline) {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    give_up_ = std::min(deadline, MonotonicNow() + kLastWords);
    changed_.notify_one();
    ended_.wait_until(lock, give_up_, [this] { return over_; });
  }
  stop_.request_stop();
  thread_.join();
}

void SpanExporter::Main() {
  try {
    for (std::vector<Span> batch = TakeBatch(); !batch.empty(); batch = TakeBatch()) Send(batch);
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "traces end here: {}", e.what());
  }
  std::lock_guard lock(mutex_);
  stopping_ = over_ = true;
  Count(0, waiting_.size());
  waiting_.clear();
  ended_.notify_all();
}

// Waits until there are many, or some of them a while; empty: this was all, or the time is over.
std::vector<Span> SpanExporter::TakeBatch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  changed_.wait_for(lock, kBatchTime, [this] { return stopping_ || waiting_.size() >= kMostInABatch; });
  if (MonotonicNow() >= give_up_) return {};
  std::vector<Span> batch;
  if (waiting_.size() <= kMostInABatch) {
    batch.swap(waiting_);
    return batch;
  }
  const auto end = waiting_.begin() + kMostInABatch;
  batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return batch;
}

void SpanExporter::Send(const std::vector<Span>& batch) {
  const std::string body = EncodeSpans(options_.resource, batch);
  Attempt attempt;
  milliseconds pause = kFirstPause;
  for (int attempts = 1;; ++attempts) {
    attempt = Post(body);
    Tell(attempt.problem);
    if (attempt.taken || !attempt.may_retry || attempts == kMostAttempts) break;
    const milliseconds wanted = attempt.retry_after.value_or(WithJitter(pause));
    if (!MayTryAgain(std::min(wanted, kLongestPause), attempt.reachable)) break;
    pause *= 2;
  }
  std::lock_guard lock(mutex_);
  const uint64_t taken = attempt.taken ? batch.size() - std::min<uint64_t>(attempt.rejected, batch.size()) : 0;
  Count(taken, batch.size() - taken);
}

SpanExporter::Attempt SpanExporter::Post(const std::string& body) {
  OutgoingRequest request{.method = "POST",
                          .url = options_.url,
                          .headers = options_.headers,
                          .body = body,
                          .first_byte_timeout = options_.timeout,
                          .deadline = MonotonicNow() + options_.timeout,
                          .max_response_bytes = size_t{64} << 10,
                          .ca_file = options_.ca_file};
  request.headers.emplace_back("Content-Type", "application/json");
  const Result<IncomingResponse> response = client_.Send(request, {}, stop_.get_token());
  if (!response) {
    const ErrorCode code = response.error().code;
    return {.may_retry = code == ErrorCode::kUnavailable || code == ErrorCode::kDeadline,
            .reachable = code != ErrorCode::kUnavailable,
            .problem = response.error().message};
  }
  if (response->status >= 200 && response->status < 300) {
    PartialSuccess partial = ReadPartialSuccess(response->body);
    if (partial.rejected == 0) return {.taken = true};
    return {.taken = true,
            .rejected = partial.rejected,
            .problem =
                fmt::format("{} rejected {} spans: {}", origin_, partial.rejected, EscapeForTerminal(partial.message))};
  }
  return {.may_retry = IsForNow(response->status),
          .problem = fmt::format("{} answered with HTTP {}", origin_, response->status),
          .retry_after = ParseRetryAfter(response->Header("retry-after"), WallMicros())};
}

// After the pause, which the end of the server cuts short: whoever was reached is then asked once more at once.
bool SpanExporter::MayTryAgain(milliseconds pause, bool reachable) {
  std::unique_lock lock(mutex_);
  const bool was_stopping = stopping_;
  changed_.wait_until(lock, std::min(give_up_, MonotonicNow() + pause), [&] { return stopping_ && !was_stopping; });
  return MonotonicNow() < give_up_ && (reachable || !stopping_);
}

// Once when it begins and once when it is over: a collector may be away for a day.
void SpanExporter::Tell(const std::string& problem) {
  if (problem.empty() != in_trouble_ || stop_.stop_requested()) return;
  in_trouble_ = !problem.empty();
  if (in_trouble_) {
    Log(LogLevel::kWarning, "traces: {}; what the collector does not take is dropped", problem);
  } else {
    Log(LogLevel::kInfo, "traces: the collector takes them again");
  }
}

}  // namespace bantam
