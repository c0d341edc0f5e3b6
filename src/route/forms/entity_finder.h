// Names of people, places and the like in a text, for slots that a token classification model fills.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam {

struct LoadOptions;  // tasks/loaded_model.h
struct RouteFile;

struct TextRange {
  size_t begin = 0, end = 0;  // bytes, half open
};

struct FoundEntity {
  std::string label;  // "PER"
  TextRange range;
  float score = 0;
};

// Thread-safe.
class EntityFinder {
 public:
  virtual ~EntityFinder() = default;
  // In the order of the text. An error is trouble with the model, or a text that is not UTF-8.
  virtual Result<std::vector<FoundEntity>> Find(std::string_view text) const = 0;
};

// Gives every entity slot of the file its finder, and what masks names its own; a model that several of them name is
// loaded once. Errors name the place: kBadConfig where the model is not on this machine or has no such label.
Status LoadEntityModels(RouteFile& file, const LoadOptions& options);

}  // namespace bantam
