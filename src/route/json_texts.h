// An array of strings out of a JSON object, as the audit log and the cache keep them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace bantam {

inline Result<std::vector<std::string>> ReadTexts(const JsonObject& object, std::string_view key) {
  BANTAM_TRY(const json::array* values, object.Array(key));
  std::vector<std::string> texts;
  for (const json::value& value : *values) {
    if (!value.is_string())
      return Err(ErrorCode::kInvalidArgument, "{} holds {}, expected strings", object.Where(key), ToJson(value));
    texts.emplace_back(value.get_string());
  }
  return texts;
}

}  // namespace bantam
