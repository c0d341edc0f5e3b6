// Numbers of a config.json, whose names differ from one family of models to the next.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "base/json.h"

namespace bantam {

// The first of these fields that is a whole number above 0. For figures that are told or estimated: what loads a model
// checks each field by its own name.
inline std::optional<int64_t> ConfigNumber(const json::value& config, std::initializer_list<const char*> names) {
  const json::object* object = config.if_object();
  if (object == nullptr) return std::nullopt;
  for (const char* name : names) {
    const json::value* value = object->if_contains(name);
    if (value != nullptr && value->is_int64() && value->get_int64() > 0) return value->get_int64();
  }
  return std::nullopt;
}

}  // namespace bantam
