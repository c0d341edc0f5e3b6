// Questions for a large model that could not be asked: kept on disk, oldest first, until they are sent.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/sqlite_file.h"
#include "route/types.h"

namespace bantam {

struct QueuedQuestion {
  int64_t number = 0;    // ascending, filled by Add
  int64_t asked_us = 0;  // when it came, filled by Add; 0: not known
  std::string model;     // model_name in the route file
  std::string route;     // that hands it to the model; empty: nothing was sure enough
  AssistantRequest request;

  std::string_view text() const;  // the question: the last message of a user
};

// Thread-safe. What Add has accepted survives a kill of the process and a power cut. A file that is corrupt or foreign
// is moved aside when it is opened, and a new one begun.
class EscalationQueue {
 public:
  static constexpr int64_t kMostQuestions = 1'000;
  static constexpr int64_t kMostBytes = int64_t{16} << 20;

  static Result<std::unique_ptr<EscalationQueue>> Open(const Path& file);
  // All of them, oldest first, also while another process has the queue open. No file is no question.
  static Result<std::vector<QueuedQuestion>> ReadAll(const Path& file);

  // kOverloaded: the queue is full, and nothing was kept.
  Status Add(const QueuedQuestion& question);
  // The oldest one after `number`; nothing when there is none. One that is damaged is dropped, with a line in the log.
  Result<std::optional<QueuedQuestion>> NextAfter(int64_t number);
  Status Remove(int64_t number);
  Status Scrub();  // leaves nothing on the disk of those that were removed
  Result<int64_t> Count();

 private:
  explicit EscalationQueue(SqliteConnection connection) : connection_(std::move(connection)) {}
  Status Prepare();
  Status CheckpointIfLarge();

  std::mutex mutex_;  // guards the following
  SqliteConnection connection_;
  SqliteStatement add_, next_, remove_;
};

}  // namespace bantam
