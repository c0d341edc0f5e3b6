// What became of the questions that a large model could not be asked at once (offline: queue): for whoever was told
// that there will be an answer, and asks for it with the id that he was given.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "route/sqlite_file.h"

namespace bantam {

struct LateAnswer {
  enum class State { kWaiting, kAnswered, kGivenUp } state = State::kWaiting;
  std::string text = {}, model = {};   // kAnswered: what the large model said, and which one
  std::string problem = {};            // kGivenUp: why, in words
  int64_t asked_us = 0, ended_us = 0;  // wall clock
};

// Thread-safe. Rows are found by a fingerprint of who asked and the request's id, so that nobody finds another one's. A
// week after they ended they are forgotten, and beyond kMost the oldest; a file that is corrupt is moved aside.
class LateAnswers {
 public:
  static constexpr int64_t kMost = 10'000;
  static constexpr int64_t kKeptMicros = int64_t{7} * 24 * 3600 * 1'000'000;

  static Result<std::unique_ptr<LateAnswers>> Open(const Path& file);
  Status Keep(const std::string& tenant, const std::string& request_id, const LateAnswer& answer);
  Result<std::optional<LateAnswer>> Find(const std::string& tenant, const std::string& request_id);
  // What became of these requests, whoever made them; nothing of it stays on the disk.
  Status Forget(const std::set<std::string>& request_ids);

 private:
  explicit LateAnswers(SqliteConnection connection) : connection_(std::move(connection)) {}
  Status Prepare();

  std::mutex mutex_;  // guards the following
  SqliteConnection connection_;
  SqliteStatement keep_, find_, forget_, evict_;
};

}  // namespace bantam
