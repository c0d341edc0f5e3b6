// Texts with holes: {slot} and {nearest} in our own texts, {{field.path}} for values out of a service's JSON reply.
// What is put in is never read again for holes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace bantam {

// Words in single braces, in order: "label to {email}" has "email". {{field}} and braces around anything else do not
// count.
std::vector<std::string> SlotPlaceholders(std::string_view text);
// `value_of` gives the text for a word, or null to leave {word} as it stands.
std::string FillSlots(std::string_view text, const std::function<const std::string*(std::string_view word)>& value_of);

// {word} as lines of their own, whatever stands around it; `lines` begins with a newline, unless it is empty.
std::string FillList(std::string_view text, std::string_view word, std::string_view lines);

// {{a.b.0}}: the paths, in order; an error for an unclosed or empty hole.
Result<std::vector<std::string>> FieldPlaceholders(std::string_view text);
// Texts, numbers and truth values only, cut after 1,000 characters, without control characters. kNotFound names the
// first field that the reply lacks.
Result<std::string> FillFields(std::string_view text, const json::value& reply);

// At most `max_characters` code points, control characters (but not line ends) as spaces, trimmed.
std::string PlainText(std::string_view text, size_t max_characters);

}  // namespace bantam
