// Results of a decision as the C interface hands them out: one allocation owns what the struct points to.
#pragma once

#include "bantam/bantam.h"
#include "route/router.h"

namespace bantam::capi {

bantam_answer* NewAnswer(AssistantAnswer answer, std::string request_id);
// Hands it to the host.
void ShowSent(const SentQuestion& sent, const bantam_send_options& options);
bantam_explanation* NewExplanation(Explanation explanation);

}  // namespace bantam::capi
