#include <deque>
#include <mutex>
#include <unordered_map>

#include "route/router_parts.h"

namespace bantam {
namespace {

class MemoryConversations : public ConversationStore {
 public:
  Result<std::optional<std::string>> Load(std::string_view session_id) override {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(std::string(session_id));
    return found == states_.end() ? std::optional<std::string>() : std::optional<std::string>(found->second);
  }
  Status Save(std::string_view session_id, std::string_view state) override {
    const std::lock_guard lock(mutex_);
    if (states_.insert_or_assign(std::string(session_id), std::string(state)).second) order_.emplace_back(session_id);
    while (order_.size() > kMost) {
      states_.erase(order_.front());
      order_.pop_front();
    }
    return Ok();
  }
  Status Erase(std::string_view session_id) override {
    const std::lock_guard lock(mutex_);
    if (states_.erase(std::string(session_id)) > 0) std::erase(order_, session_id);
    return Ok();
  }

 private:
  static constexpr size_t kMost = 10'000;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> states_;
  std::deque<std::string> order_;
};

}  // namespace

std::unique_ptr<ConversationStore> MakeMemoryConversations() { return std::make_unique<MemoryConversations>(); }

}  // namespace bantam
