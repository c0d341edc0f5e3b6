// An upstream that never sees what names or unlocks a person: requests are masked on their way out, answers restored on
// their way back, streamed ones piece by piece.
#pragma once

#include "route/privacy/pii_mask.h"
#include "route/upstream.h"

namespace bantam {

// Of a stream, a piece that may be the beginning of a placeholder waits for the next one.
std::unique_ptr<Upstream> MaskBefore(std::unique_ptr<Upstream> upstream, const PiiRule& rule);

}  // namespace bantam
