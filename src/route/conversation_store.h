// The state of conversations (a form half filled in), by session id, expiring.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/file_io.h"

namespace bantam {

// Thread-safe. The state is an opaque JSON text of at most 64 KiB. Session ids are stored hashed.
class ConversationStore {
 public:
  static Result<std::unique_ptr<ConversationStore>> Open(const Path& file, std::chrono::seconds ttl);
  virtual ~ConversationStore() = default;
  virtual Result<std::optional<std::string>> Load(std::string_view session_id) = 0;
  virtual Status Save(std::string_view session_id, std::string_view state) = 0;  // refreshes the expiry
  virtual Status Erase(std::string_view session_id) = 0;
};

// Held while a process serves an assistant: a second one on the same state folder is refused with the holder's pid.
class StateLock {
 public:
  static Result<StateLock> Acquire(const Path& state_folder);

 private:
  explicit StateLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace bantam
