// What replies of Ollama's family have in common.
#pragma once

#include <string>

#include "api/context.h"
#include "base/json.h"

namespace bantam {

// Now: "2026-11-26T12:00:00.123456Z".
std::string OllamaTime();
// Nanoseconds, as Ollama tells durations.
int64_t Nanoseconds(MonotonicTime::duration time);
// "details" of a model.
json::object OllamaDetails(const ServedModel& model);

}  // namespace bantam
