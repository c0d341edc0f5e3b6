#include "route/learning/learner.h"

#include "base/log.h"
#include "route/decision_record.h"
#include "route/draw.h"
#include "route/learning/generations.h"
#include "route/send_queued.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLookEvery{500};
constexpr seconds kPauseAfterTrouble{30};
constexpr int64_t kLabelsAtOnce = 16;
constexpr int kBatches = 16;  // one after the other

}  // namespace

Learner::Learner(const RouteFile& file, Path state_folder, Upstream* teacher, std::unique_ptr<Shadow> shadow)
    : rule_(*file.learning),
      state_folder_(std::move(state_folder)),
      generation_(file.generation),
      question_(file),
      teacher_(teacher),
      shadow_(std::move(shadow)) {}

void Learner::Start(std::function<void(AuditRecord)> record) {
  record_ = std::move(record);
  thread_ = std::jthread([this](const std::stop_token& stop) {
    try {
      Run(stop);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "nothing more is learned until the next start: {}", e.what());
    }
  });
}

Learner::~Learner() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::optional<double> Learner::Draw(std::string_view request_id) const {
  return IsDrawn("learning", request_id, rule_.explore_rate) ? std::optional(rule_.explore_rate) : std::nullopt;
}

void Learner::Hear(HeardMessage message) { Push({std::move(message), {}}); }

void Learner::Tell(HeardMessage message, std::string label) {
  if (rule_.from_feedback) Push({std::move(message), std::move(label)});
}

void Learner::Push(Heard heard) {
  if (heard.message.text.size() > CandidateStore::kMostTextBytes) return;
  heard.message.generation = generation_;
  const std::lock_guard lock(mutex_);
  if (news_.heard.size() >= kMostWaiting) {
    ++news_.dropped;
    return;
  }
  news_.heard.push_back(std::move(heard));
}

void Learner::Compare(std::string text, std::vector<float> read, std::string taken) {
  if (shadow_ == nullptr || read.empty()) return;
  const std::lock_guard lock(mutex_);
  if (news_.decided.size() < kMostWaiting)
    news_.decided.push_back({std::move(text), std::move(read), std::move(taken)});
}

void Learner::Count(const Traffic& more) {
  const std::lock_guard lock(mutex_);
  Traffic& traffic = news_.traffic;
  traffic.messages += more.messages;
  traffic.escalated += more.escalated;
  traffic.asked_back += more.asked_back;
  traffic.audited += more.audited;
}

void Learner::Run(const std::stop_token& stop) {
  const auto tell = [](std::string_view what, const Status& done) {
    if (!done) Log(LogLevel::kWarning, "{}: {}", what, done.error().message);
  };
  for (bool ending = false; !ending;) {
    News news;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, kLookEvery, [] { return false; });
      ending = stop.stop_requested();
      std::swap(news, news_);
    }
    if (news.dropped > 0) Log(LogLevel::kWarning, "{} messages came too fast to be learned from", news.dropped);
    tell("messages to learn from are not kept", Write(news));
    if (!ending) tell("messages are not labelled", Label(stop));
  }
}

ShadowCounts Learner::CompareAll(const std::deque<Decided>& decided) const {
  ShadowCounts compared;
  if (decided.empty()) return compared;
  // One that lost an example to a purge is gone.
  const Result<Generations> now = ReadGenerations(state_folder_);
  if (!now || now->challenger != shadow_->generation()) return compared;
  for (const Decided& one : decided) {
    const ShadowCounts more = shadow_->Compare(one.text, one.read, one.taken);
    compared.messages += more.messages;
    compared.agreed += more.agreed;
    compared.more += more.more;
    compared.fewer += more.fewer;
  }
  return compared;
}

Status Learner::Write(const News& news) {
  const ShadowCounts compared = CompareAll(news.decided);
  const bool any = !news.heard.empty() || news.traffic.messages > 0 || compared.messages > 0;
  if (!any && !CandidateStore::Exists(state_folder_)) return Ok();
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder_));
  if (any) {
    BANTAM_RETURN_IF_ERROR(store.Begin());
    for (const Heard& one : news.heard) {
      BANTAM_RETURN_IF_ERROR(one.told.empty() ? store.Hear(one.message) : store.Tell(one.message, one.told));
    }
    BANTAM_RETURN_IF_ERROR(store.Count(generation_, news.traffic));
    if (compared.messages > 0) BANTAM_RETURN_IF_ERROR(store.Count(generation_, shadow_->generation(), compared));
    BANTAM_RETURN_IF_ERROR(store.Commit());
  }
  return WriteEvents(store);
}

Status Learner::WriteEvents(CandidateStore& store) {
  BANTAM_TRY(const std::vector<LearningEvent> events, store.Events());
  for (const LearningEvent& event : events) {
    record_(RecordOf(event));
    BANTAM_RETURN_IF_ERROR(store.ForgetEvent(event.id));
  }
  return Ok();
}

// The store is closed while the teacher thinks: others have their turn. What was heard meanwhile waits a while only.
Status Learner::Label(const std::stop_token& stop) {
  struct Said {
    int64_t id;
    std::optional<std::string> label;
  };
  bool all_are_well = teacher_ != nullptr && MonotonicNow() >= ask_again_ && CandidateStore::Exists(state_folder_);
  for (int batch = 0; batch < kBatches && all_are_well; ++batch) {
    std::vector<Candidate> unlabelled;
    {
      BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder_));
      BANTAM_TRY(unlabelled, store.List({.labelled = false, .limit = kLabelsAtOnce}));
    }
    std::vector<Said> said;
    for (const Candidate& candidate : unlabelled) {
      AssistantRequest request = question_.About(candidate.text);
      request.request_id = candidate.request_id;
      request.stop = stop;
      const UpstreamReply reply = teacher_->Ask(request, {});
      all_are_well = reply.outcome != UpstreamOutcome::kCancelled;
      if (!all_are_well) break;
      const bool answered = reply.outcome == UpstreamOutcome::kOk;
      const auto label = answered ? question_.Read(reply.text) : std::nullopt;
      record_(RecordOf(candidate, reply, label));
      all_are_well = answered || !MayBeReachedLater(reply.outcome);
      if (!all_are_well) {
        ask_again_ = MonotonicNow() + kPauseAfterTrouble;
        break;
      }
      said.push_back({candidate.id, label});
    }
    if (said.empty()) return Ok();
    BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder_));
    BANTAM_RETURN_IF_ERROR(store.Begin());
    for (const Said& one : said)
      BANTAM_RETURN_IF_ERROR(one.label ? store.Label(one.id, *one.label) : store.CountTry(one.id));
    BANTAM_RETURN_IF_ERROR(store.Commit());
  }
  return Ok();
}

}  // namespace bantam
