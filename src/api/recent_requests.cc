#include "api/recent_requests.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bantam {
namespace {

int64_t NowMs() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

void RecentRequests::Add(const HttpRequest& request, std::string path, const HttpApp::Finished& finished) {
  RecentRequest entry{.ended_ms = NowMs(),
                      .method = request.method.substr(0, 16),
                      .path = std::move(path),
                      .model = request.notes->Header("X-Bantam-Model"),
                      .status = finished.status,
                      .milliseconds = finished.milliseconds,
                      .times = request.notes->times()};
  const std::scoped_lock lock(mutex_);
  entry.number = ++count_;
  ring_[(count_ - 1) % kMost] = std::move(entry);
}

std::vector<RecentRequest> RecentRequests::After(uint64_t number) const {
  std::vector<RecentRequest> found;
  const std::scoped_lock lock(mutex_);
  // A number from before a restart may be larger than any of now.
  const uint64_t oldest = count_ > kMost ? count_ - kMost : 0;
  for (uint64_t n = std::max(number > count_ ? 0 : number, oldest); n < count_; ++n) found.push_back(ring_[n % kMost]);
  return found;
}

}  // namespace bantam
