// A message that names a slot: "change the email to x@y.example", "the order id is AB123456", "email: x@y.example".
#pragma once

#include <optional>
#include <string_view>

#include "route/route_file.h"

namespace bantam {

struct SlotMention {
  const Slot* slot = nullptr;
  bool asks_for_change = false;  // "change the email ...": meant even when no value follows
  size_t value_begin = 0;        // bytes; value_begin == value_end: no value was given
  size_t value_end = 0;
};

// A slot is named by its name ("order_id": "order id"), and the only slot of a type also by that type ("email address",
// "date").
std::optional<SlotMention> FindMention(const Form& form, std::string_view text);

}  // namespace bantam
