// Hands a completed form in.
#pragma once

#include <stop_token>
#include <string>

#include "route/actions/action.h"
#include "route/forms/form_state.h"

namespace bantam {

struct SubmitResult {
  bool accepted = false;
  std::string outcome = "ok";  // for the audit log: "submit_timeout", "submit_status", "submit_unsigned", ...
  std::string problem = {};    // for the server's log
};

// The slots as JSON: numbers as numbers, dates as YYYY-MM-DD, what was left out as null.
std::string SubmitBody(const Form& form, const FormState& state);
// The same for every attempt to hand in the same values of the same conversation: a service that keeps to the header
// takes a form once, even when we never saw its reply.
std::string IdempotencyKey(const FormState& state);

SubmitResult SubmitForm(const Form& form, const FormState& state, const HttpSend& send, std::string_view request_id,
                        MonotonicTime deadline, std::stop_token stop);

}  // namespace bantam
