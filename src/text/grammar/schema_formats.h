// What "format" means in a JSON Schema, also those of OpenAPI. docs/reference/constrained-output.md has the list.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/grammar/schema_values.h"

namespace bantam::grammar {

// A pattern of all the texts that are written for it; nothing: it is not known as a format of texts.
std::optional<std::string_view> PatternOfFormat(std::string_view format);
// OpenAPI's formats of numbers, "int32" and so on. False: it is none of them.
bool AddNumberFormat(std::string_view format, NumberRules& rules);
// For messages: all of both kinds.
std::string KnownFormats();

}  // namespace bantam::grammar
