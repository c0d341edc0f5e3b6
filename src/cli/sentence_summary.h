// What `bantam show` says of the way from token vectors to an embedding: which steps, by which file, with what prompts.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "files/model_folder.h"

namespace bantam::cli {

struct SentenceSummary {
  std::vector<std::pair<std::string, std::string>> fields;  // for people: name, text
  json::object json;                                        // "modules", "prompts", ...
  std::optional<int64_t> dimensions;                        // of an embedding
};

// hidden_size: what config.json says, if it does.
SentenceSummary SummarizeSentence(const ModelFolder& model, std::optional<int64_t> hidden_size);

}  // namespace bantam::cli
