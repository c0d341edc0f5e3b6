// Messages that a head may learn from, or is judged on: what was said, which route it is about and who says so, and
// what a person has decided about it. With them, how many messages each generation has decided. SQLite, in the
// assistant's state folder.
//
//   BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));   // waits its turn: close it soon
//   BANTAM_RETURN_IF_ERROR(store.Hear(heard));
//   BANTAM_TRY(std::vector<Candidate> pending, store.List({.verdict = Verdict::kPending}));
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "learn/examples.h"
#include "route/file_lock.h"
#include "route/sqlite_file.h"

namespace bantam {

enum class Verdict : uint8_t { kPending, kAccepted, kRejected, kRelabelled };
std::string_view VerdictName(Verdict verdict);  // "pending", "accepted", "rejected", "relabelled"
std::optional<Verdict> ParseVerdict(std::string_view name);

enum class LabelledBy : uint8_t { kNobody, kTeacher, kPerson };
std::string_view LabelledByName(LabelledBy who);  // "nobody", "teacher", "person"

// A message as the router has decided on it. Equal ones, but for case and white space, are one candidate.
struct HeardMessage {
  std::string text;  // masked where the route file asks for it
  std::string request_id;
  std::string guess;       // the route that the head found likeliest
  double confidence = 0;   // of it
  bool answered = false;   // the head was sure of a route
  bool escalated = false;  // it was not, nobody was asked back, and the file wants to learn from that
  bool drawn = false;      // to be audited: judged on, whatever was decided
  int64_t generation = 0;  // whose head decided
};

struct Candidate {
  int64_t id = 0;
  std::string text, request_id, guess, label;  // label: a route, kOutOfScopeLabel, or empty: not known yet
  double confidence = 0;
  LabelledBy labelled_by = LabelledBy::kNobody;
  Verdict verdict = Verdict::kPending;
  bool answered = false, escalated = false, from_feedback = false;
  int64_t audited = 0;  // how often it was drawn. Once is enough: it is judged on, and never learned from
  int64_t heard = 1;    // how often it was said
  int64_t generation = 0;
  int64_t first_us = 0, last_us = 0;
};

struct CandidateFilter {
  std::optional<Verdict> verdict = {};
  std::optional<bool> audited = {}, labelled = {};
  std::span<const int64_t> ids = {};  // empty: all
  int64_t after = 0;                  // only ids above it
  int64_t limit = INT64_MAX;
};

// Messages that were decided on under one generation. Turns of forms and repeated questions are not decisions.
struct Traffic {
  int64_t messages = 0;
  int64_t escalated = 0;   // of them: the head was not sure enough
  int64_t asked_back = 0;  // of them: one of a few routes was meant
  int64_t audited = 0;     // of them: drawn
};

// What a challenger would have made of messages that the head in force decided on.
struct ShadowCounts {
  int64_t messages = 0;
  int64_t agreed = 0;  // the same route, or both not sure
  int64_t more = 0;    // it would have answered, and the head in force was not sure
  int64_t fewer = 0;   // the other way round; the rest: another route
};

// Something that people did or a teacher said, until it is a record of the audit log: whoever holds that writes it.
struct LearningEvent {
  int64_t id = 0;
  std::string outcome = {};  // "reviewed", "relabelled", "proposed", "refused", "promoted", "rolled back", "purged"
  std::string detail = {};   // in words
  // Of a message that was relabelled: its request, the route that it has now, and the digest of its text.
  std::string request_id = {}, route = {}, question_sha256 = {};
};

struct CandidateCounts {
  int64_t unlabelled = 0;                                           // the teacher is still to be asked
  int64_t pending = 0, accepted = 0, rejected = 0, relabelled = 0;  // of those that may be learned from
  int64_t audited = 0, audited_labelled = 0;                        // messages, repetitions counted
};

// One at a time in all processes: Open waits for the others, at most `patience`. One thread.
class CandidateStore {
 public:
  static constexpr int64_t kMostCandidates = 50'000;  // then the oldest that nobody has accepted go
  static constexpr size_t kMostTextBytes = 2'000;     // longer ones are no examples
  static constexpr int kMostTries = 3;                // of a teacher whose answers cannot be read

  static Result<CandidateStore> Open(const Path& state_folder,
                                     std::chrono::milliseconds patience = std::chrono::seconds(10));
  // Whether there is anything to open.
  static bool Exists(const Path& state_folder);

  Status Begin();  // of many changes that reach the disk together
  Status Commit();

  Status Hear(const HeardMessage& message);
  // A person named the right route of a message.
  Status Tell(const HeardMessage& message, std::string_view label);
  Status Count(int64_t generation, const Traffic& more);

  Status Count(int64_t generation, int64_t challenger, const ShadowCounts& more);

  Result<std::vector<Candidate>> List(const CandidateFilter& filter);
  Result<CandidateCounts> Counts();
  Result<std::map<int64_t, Traffic>> TrafficOfGenerations();

  Result<ShadowCounts> ShadowOf(int64_t generation, int64_t challenger);

  // What the teacher says; a person's word stands.
  Status Label(int64_t id, std::string_view label);
  Status CountTry(int64_t id);  // the teacher's answer could not be read
  // False: there is no such candidate. A label goes with kRelabelled, and is a person's.
  Result<bool> Judge(int64_t id, Verdict verdict, std::string_view label = {});

  // Nothing of them stays on the disk.
  Status Remove(std::span<const int64_t> ids);

  Status Note(const LearningEvent& event);
  Result<std::vector<LearningEvent>> Events();
  Status ForgetEvent(int64_t id);

 private:
  CandidateStore(FileLock lock, SqliteConnection connection)
      : lock_(std::move(lock)), connection_(std::move(connection)) {}
  Status Add(const HeardMessage& message, int64_t sources, std::string_view label, LabelledBy by);
  Status DropOldest();

  FileLock lock_;
  SqliteConnection connection_;
};

}  // namespace bantam
