// Listens to a router: keeps the messages that something can be learned from, and has a large model say which route
// they are about. All of it happens on a thread of its own, after the answer: nobody who asked waits for it.
//
//   parts.learner = std::make_shared<Learner>(file, state_folder, *upstreams.at("big"));
//   parts.learner->Start([this](AuditRecord record) { Append(std::move(record)); });
//   parts.learner->Hear(message);
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "route/audit_log.h"
#include "route/learning/candidate_store.h"
#include "route/learning/shadow.h"
#include "route/learning/teacher.h"
#include "route/upstream.h"

namespace bantam {

// Thread-safe. What has been heard is on the disk within a second, or when this ends.
class Learner {
 public:
  // A null teacher (it is switched off) labels nothing; messages are kept.
  // A null shadow: there is no challenger to compare with.
  Learner(const RouteFile& file, Path state_folder, Upstream* teacher, std::unique_ptr<Shadow> shadow = nullptr);
  ~Learner();

  // `record` may be called until this ends, from another thread.
  void Start(std::function<void(AuditRecord)> record);

  // The chance with which a message is drawn for the audit, where this one is; by the request's id, with the file's
  // explore_rate.
  std::optional<double> Draw(std::string_view request_id) const;

  void Hear(HeardMessage message);
  void Count(const Traffic& more);
  void Tell(HeardMessage message, std::string label);
  // What the head in force made of a message, to be compared with what the challenger does.
  void Compare(std::string text, std::vector<float> read, std::string taken);

  const LearningRule& rule() const { return rule_; }

 private:
  struct Heard {
    HeardMessage message;
    std::string told;  // the right route, of a person; empty: just heard
  };
  static constexpr size_t kMostWaiting = 2'000;

  struct Decided {
    std::string text;
    std::vector<float> read;
    std::string taken;
  };
  // Since the thread looked last.
  struct News {
    std::deque<Heard> heard;
    std::deque<Decided> decided;
    Traffic traffic;
    uint64_t dropped = 0;
  };

  void Push(Heard heard);
  void Run(const std::stop_token& stop);
  ShadowCounts CompareAll(const std::deque<Decided>& decided) const;
  Status Write(const News& news);
  Status WriteEvents(CandidateStore& store);
  Status Label(const std::stop_token& stop);

  const LearningRule rule_;
  const Path state_folder_;
  const int64_t generation_;
  const TeacherQuestion question_;
  Upstream* const teacher_;
  const std::unique_ptr<Shadow> shadow_;
  std::function<void(AuditRecord)> record_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  News news_;                  // guarded by mutex_
  MonotonicTime ask_again_{};  // of the thread: not before, after trouble with the teacher
  std::jthread thread_;
};

}  // namespace bantam
