// Fill-in-the-middle: prompts for what stands between a beginning and an end, with the tokens that code models were
// taught for it.
//
//   BANTAM_TRY(const FimTokens tokens, FindFimTokens(tokenizer, metadata));
//   const InfillPrompt prompt = MakeInfillPrompt(tokenizer, tokens, {.prefix = before, .suffix = after}, 4096);
#pragma once

#include <string>
#include <vector>

#include "files/gguf_metadata.h"
#include "text/tokenizer.h"

namespace bantam {

// -1: the vocabulary has none.
struct FimTokens {
  int32_t prefix = -1, suffix = -1, middle = -1;
  int32_t repository = -1, file = -1;  // before the name of a repository, and of each of its files
  // What a model writes when the middle is done, beside its own ends of a text.
  std::vector<int32_t> ends = {};
};

// By the file's metadata, else by the spellings that models have. `metadata`: null where there is none. kUnsupported
// for a model without such tokens.
Result<FimTokens> FindFimTokens(const Tokenizer& tokenizer, const GgufMetadata* metadata);

struct InfillFile {
  std::string name, text;
};
struct InfillText {
  std::string prefix, suffix;
  std::vector<InfillFile> extra = {};  // others of the project, the most important last
};
struct InfillPrompt {
  std::vector<int32_t> ids;
  size_t dropped_files = 0;  // the first of them, for which there was no room
};
// At most `max_tokens`, as long as prefix and suffix alone are not more. Nothing that a text says becomes a control
// token.
InfillPrompt MakeInfillPrompt(const Tokenizer& tokenizer, const FimTokens& tokens, const InfillText& text,
                              size_t max_tokens);

}  // namespace bantam
