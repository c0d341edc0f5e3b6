// One slot, one text: does the text hold a value for the slot?
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "route/forms/date.h"
#include "route/forms/entity_finder.h"
#include "route/route_file.h"

namespace bantam {

struct SlotValue {
  std::string value;  // what is submitted: "2030-12-06", "89.90", the choice's value
  std::string shown;  // what people read: "Friday 6 December 2030", "89.90 pounds"
  bool operator==(const SlotValue&) const = default;
};

struct SlotReading {
  enum class Outcome {
    kNothing,  // the text holds nothing of this kind
    kRefused,  // it does, but outside the limits, or two different ones
    kValue,
  };
  Outcome outcome = Outcome::kNothing;
  SlotValue value;
  TextRange range;  // where it stands
};

// The text answers a question for this slot: everything in it is about the slot, except the ranges in `taken`.
SlotReading ReadAnswer(const Slot& slot, std::string_view text, Day today, std::span<const TextRange> taken = {});

// The text is about something else, or about several things: only what can hardly be mistaken. Never a text slot; a
// number only beside its unit.
SlotReading ReadInPassing(const Slot& slot, std::string_view text, Day today, std::span<const TextRange> taken);

// Email addresses, for the slot and to keep other patterns from reading inside them.
std::vector<TextRange> FindEmails(std::string_view text);

// The value that has this canonical form, for a state that was stored; nothing when the slot no longer takes it.
std::optional<SlotValue> RestoreValue(const Slot& slot, std::string_view value);

}  // namespace bantam
