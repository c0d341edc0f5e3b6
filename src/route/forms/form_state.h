// A form that is half filled in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "route/forms/slot_values.h"
#include "route/route_file.h"
#include "route/types.h"

namespace bantam {

struct FormState {
  std::string form, route;
  std::vector<std::pair<std::string, SlotValue>> filled;  // by slot, the last one filled at the end
  std::vector<std::string> skipped;                       // optional slots that the person did not want
  std::string asked;            // the slot of the pending question; empty: confirmation is pending
  int failures = 0;             // answers to the pending question that did not fit
  bool offered_cancel = false;  // the pending question is whether to cancel
  bool submit_failed = false;   // confirmed, but the service did not take it
  std::string seed;             // unique to this filling-in: part of the idempotency key

  const SlotValue* Find(std::string_view slot) const;
  void Fill(std::string_view slot, SlotValue value);
  bool Skipped(std::string_view slot) const;
  // The first slot that is neither filled nor skipped; null when the form is complete.
  const Slot* NextMissing(const Form& definition) const;

  std::string ToJson() const;
  // kNotFound when the route file no longer has such a form or route, another error when the text is not ours. A value
  // that its slot no longer takes is forgotten, and so asked for again.
  static Result<FormState> FromJson(std::string_view text, const RouteFile& file);
};

FormProgress ProgressOf(const FormState& state, const Form& form, std::string_view word);

}  // namespace bantam
