// tokenizer.json, read but not yet understood: the large parts as they are used, the small ones as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/json_part.h"
#include "text/model_tables.h"

namespace bantam::text {

struct TokenizerFile {
  std::string name;  // for errors
  json::value document;
  ModelTables tables;  // of /model/vocab and /model/merges; Vocabulary::Finish is the model's to call
  std::vector<AddedToken> added_tokens;

  // A member of the document, e.g. "normalizer".
  JsonPart Part(std::string_view key) const { return JsonPart(&document, "", name).Member(key); }
};

// kCorrupt, kTooLarge or kUnsupported; messages name the file, the place and the JSON pointer.
Result<TokenizerFile> ReadTokenizerFile(std::string_view text, std::string_view name);

}  // namespace bantam::text
