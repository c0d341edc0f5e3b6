// The latest requests that were answered, for the console: which they were, how they ended and where their time went.
// In memory, and a fixed number of them. Never what was asked, nor a key.
//
//   RecentRequests recent;
//   recent.Add(request, endpoint->path, finished);
//   for (const RecentRequest& one : recent.After(17)) ...   // number 18 and those that came behind it
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <vector>

#include "api/http_server.h"

namespace bantam {

struct RecentRequest {
  uint64_t number = 0;   // counts from 1
  int64_t ended_ms = 0;  // since 1970
  std::string method, path, model;
  int status = 0;
  double milliseconds = 0;
  StageTimes times;
};

// Thread-safe.
class RecentRequests {
 public:
  static constexpr size_t kMost = 256;

  // path: of the table's row; of a request that has none some of what it asked for, fit to be shown.
  void Add(const HttpRequest& request, std::string path, const HttpApp::Finished& finished);
  // Those that are kept of the ones after `number`, oldest first.
  std::vector<RecentRequest> After(uint64_t number) const;

 private:
  mutable std::mutex mutex_;
  uint64_t count_ = 0;
  std::array<RecentRequest, kMost> ring_;  // number n is at (n - 1) % kMost
};

}  // namespace bantam
