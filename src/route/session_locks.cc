#include "route/session_locks.h"

#include <algorithm>

namespace bantam {

Result<SessionLocks::Guard> SessionLocks::Acquire(const std::string& session, MonotonicTime deadline,
                                                  std::stop_token stop) {
  std::unique_lock lock(mutex_);
  auto& slot = entries_[session];
  if (!slot) slot = std::make_unique<Entry>();
  Entry& entry = *slot;  // stays: it is erased only when nobody waits
  if (entry.busy) {
    if (entry.waiting >= kMostWaiting) {
      return Err(ErrorCode::kOverloaded,
                 "{} turns of this conversation are waiting already; send them one after the other", kMostWaiting);
    }
    ++entry.waiting;
    // time_point::max() overflows inside the wait of some libraries.
    const MonotonicTime until = std::min(deadline, MonotonicNow() + std::chrono::hours(1));
    const bool free = entry.free.wait_until(lock, stop, until, [&] { return !entry.busy; });
    --entry.waiting;
    if (!free) {
      if (stop.stop_requested())
        return Err(ErrorCode::kCancelled, "the client went away while another turn was answered");
      return Err(ErrorCode::kDeadline, "another turn of this conversation took too long");
    }
  }
  entry.busy = true;
  return Guard(this, session);
}

void SessionLocks::Release(const std::string& session) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(session);
  if (found == entries_.end()) return;
  found->second->busy = false;
  if (found->second->waiting == 0) {
    entries_.erase(found);
  } else {
    found->second->free.notify_one();
  }
}

size_t SessionLocks::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace bantam
