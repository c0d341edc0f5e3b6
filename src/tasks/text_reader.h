// From a text to what an encoder reads: prompt, tokens, the length limit, and for models with a vector for each token
// query expansion and the tokens that do not count.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files/sentence_types.h"
#include "tasks/token_vectors.h"
#include "text/tokenizer.h"

namespace bantam {

// What should go before each text.
struct PromptChoice {
  // As sentence-transformers' encode_query and encode_document choose: the prompt "query", or the first one there is of
  // "document", "passage" and "corpus"; none where the model has none of these.
  enum class Role { kNone, kQuery, kDocument };
  std::optional<std::string> text = {};  // this itself
  std::optional<std::string> name = {};  // one of the model's own
  Role role = Role::kNone;               // with none of the three: the model's default prompt
};

// A prompt, read once for many texts; good for the embedder that made it.
struct TextPrompt {
  std::string text;
  bool trusted = true;                               // special tokens in it are recognised: it is the model's own
  int32_t lead_id = -1;                              // a token in front of it that the tokenizer would cut up
  size_t skip_tokens = 0;                            // of it, where the model does not pool its prompt
  uint32_t cache_space = 0, middle_cache_space = 0;  // of vectors without and with EmbedCall::middle
};

// Immutable after Create; any thread may use it.
class TextReader {
 public:
  // max_positions: the longest sequence that the encoder takes. kCorrupt when the config asks for a token that the
  // tokenizer does not have.
  static Result<TextReader> Create(std::shared_ptr<const Tokenizer> tokenizer, const SentenceConfig& sentence,
                                   int max_positions);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  int max_tokens() const { return max_tokens_; }

  // kInvalidArgument for a name that the model does not have: the message lists those it has. trusted: whether special
  // tokens in a choice's own text are recognised; not where it comes from a stranger. Cache spaces are left 0.
  Result<TextPrompt> Resolve(const PromptChoice& choice, bool trusted) const;

  Encoding Encode(std::string_view text, const TextPrompt& prompt) const;
  // Cut at the length that texts of this role may have in a multi-vector model.
  Encoding EncodeFor(std::string_view text, const TextPrompt& prompt, PromptChoice::Role role) const;
  TokenSequence Expand(const Encoding& encoding, PromptChoice::Role role) const;

 private:
  TextReader(std::shared_ptr<const Tokenizer> tokenizer, const SentenceConfig& sentence, int max_positions);
  TextPrompt Read(std::string text, bool trusted) const;
  void CutOffPrefix(TextPrompt& prompt) const;
  EncodeOptions Options(const TextPrompt& prompt, int limit) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  bool add_special_tokens_, include_prompt_;
  SentencePrompts prompts_;
  MultiVectorConfig multi_;
  int max_tokens_, max_positions_;
  std::vector<int32_t> skip_ids_;  // sorted
  int32_t expansion_id_ = -1;
  ptrdiff_t num_leading_ = 0;  // special tokens before a text
};

}  // namespace bantam
