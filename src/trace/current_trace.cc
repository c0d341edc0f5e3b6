#include "trace/current_trace.h"

#include <utility>

namespace bantam {
namespace {

thread_local std::shared_ptr<const RequestTrace> current;

}  // namespace

const std::shared_ptr<const RequestTrace>& CurrentTrace() { return current; }

TraceScope::TraceScope(std::shared_ptr<const RequestTrace> trace) : before_(std::exchange(current, std::move(trace))) {}

TraceScope::~TraceScope() { current = std::move(before_); }

}  // namespace bantam
