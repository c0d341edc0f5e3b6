// What is known of an assistant's answer beyond what APIs have fields for: the object `bantam` of their replies.
#pragma once

#include <string>
#include <string_view>

#include "api/endpoints/text_writer.h"
#include "base/json_writer.h"
#include "route/types.h"

namespace bantam {

// truncated: the encoder read the beginning of the question only.
void WriteDetails(const AssistantAnswer& answer, std::string_view request_id, bool truncated, JsonWriter& out);

// The JSON of a reply that has members, with `bantam` as the last of them where an assistant answered.
std::string WithDetails(const json::object& reply, const TextResult& result, std::string_view request_id);

}  // namespace bantam
