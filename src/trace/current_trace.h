// The trace of the request that this thread works for, so that whatever goes out for it meanwhile can tell where it
// belongs. Work that goes on on another thread takes it along.
//
//   pool.Post([trace = CurrentTrace()] { TraceScope scope(trace); ... });
#pragma once

#include <memory>

#include "trace/request_trace.h"

namespace bantam {

// Null: nobody keeps spans.
const std::shared_ptr<const RequestTrace>& CurrentTrace();

// While it lives, on its thread.
class TraceScope {
 public:
  explicit TraceScope(std::shared_ptr<const RequestTrace> trace);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  std::shared_ptr<const RequestTrace> before_;
};

}  // namespace bantam
