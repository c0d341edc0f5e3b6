// Several endpoints behind one name: the lowest `order` first, among equals by weight and chance, the next one when one
// cannot answer.
#pragma once

#include <vector>

#include "route/upstream.h"

namespace bantam {

// Whether the same question may go to somebody else: no answer had begun, and the fault is not the question's own.
bool MayAskAnother(const UpstreamReply& reply);

// All attempts together take no longer than the longest `timeout` of the members. One member stays what it is.
std::unique_ptr<Upstream> MakeUpstreamGroup(std::vector<std::unique_ptr<Upstream>> members);

}  // namespace bantam
