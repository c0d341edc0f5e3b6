// `audit: {retention: 90d}` of a route file: what is older leaves the state folder, when an assistant starts and while
// it answers.
//
//   BANTAM_RETURN_IF_ERROR(TakeOutOldTexts(parts, stop));
#pragma once

#include <chrono>
#include <stop_token>

#include "base/result.h"

namespace bantam {

struct RouterParts;

// Says in the log what was taken out. Nothing to do without a retention, or without a state folder. Takes as long as
// writing the log anew does, and nobody waits for it; kConflict while a challenger is made or another one does this:
// later, then.
Status TakeOutOldTexts(const RouterParts& parts, const std::stop_token& stop);

// How often that is due: what is old stays a day longer at most.
std::chrono::milliseconds RetentionPause(std::chrono::milliseconds retention);

}  // namespace bantam
