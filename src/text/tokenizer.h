// Text -> token ids, with the same ids and offsets as Hugging Face `tokenizers` gives for the same tokenizer.json.
//
//   BANTAM_TRY(auto tokenizer, Tokenizer::Load(model.tokenizer_json));
//   Encoding e = tokenizer->Encode("Where is my refund?", {.max_tokens = 256});
//   std::string text = tokenizer->Decode(e.ids, {.skip_special_tokens = true});
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"

namespace bantam {

class GgufMetadata;

struct TokenSpan {  // half-open range in code points of the input; {0, 0} for special tokens added by the template
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const TokenSpan&) const = default;
};

struct Encoding {
  std::vector<int32_t> ids;
  std::vector<TokenSpan> offsets;  // same length as ids when asked for, else empty
  // The same: numbers of words, as the pre-tokenizer cuts them; ascending, with gaps. Special tokens of the template
  // have that of the word before or after them.
  std::vector<uint32_t> words;
  size_t num_tokens_before_truncation = 0;
  bool truncated() const { return num_tokens_before_truncation > ids.size(); }
};

struct UntrustedBytes {  // half-open, in bytes
  size_t begin = 0;
  size_t end = 0;
};

struct EncodeOptions {
  bool add_special_tokens = true;  // [CLS] ... [SEP] and the like, from the post-processor
  bool recognize_special_tokens =
      false;  // "[SEP]" in the text becomes the token: only for trusted text, never for users'
  // Special tokens are recognised where they end within these first bytes: a model's own prompt before a user's text.
  size_t trusted_prefix_bytes = 0;
  // With recognize_special_tokens: parts of the text that users wrote, sorted and apart. A special token that touches
  // one is not recognised. Their borders are no borders of words, but with a tokenizer that finds special tokens in
  // normalised text. Where the text is not well-formed UTF-8, no special token is recognised.
  std::span<const UntrustedBytes> untrusted{};
  bool offsets = false;
  bool words = false;
  size_t max_tokens = 0;  // including added special tokens; 0 = no limit. Cut on the right.
};

// One piece of what the post-processor makes of a text, or of two.
struct TemplatePiece {
  enum class Kind : uint8_t { kFirst, kSecond, kToken };
  Kind kind = Kind::kToken;
  int32_t id = -1;  // of a token
  int32_t type_id = 0;
  bool operator==(const TemplatePiece&) const = default;
};
using TokenTemplate = std::vector<TemplatePiece>;

struct DecodeOptions {
  bool skip_special_tokens = true;
};

// Immutable after Load: Encode may be called from any thread. Linear time in the length of the text, whatever the text.
// Ill-formed UTF-8 is read as U+FFFD. A text has at most 1 GiB (checked): bound it where it comes in.
//
// Without recognize_special_tokens no text gives a special token's id, not even where the token is spelled like a word;
// the unknown token alone can come out of it. "truncation" and "padding" of the file are not applied: limits are the
// caller's.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // A tokenizer.json, or one of the older kinds of file, told by name and content (loaders.h has the list), or a folder
  // that holds one.
  static Result<std::unique_ptr<Tokenizer>> Load(const Path& path);
  static Result<std::unique_ptr<Tokenizer>> FromJson(std::string_view text, std::string_view name);
  // That of a GGUF file that is open already.
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const GgufMetadata& metadata);

  // Every token of the text is counted, also those that max_tokens cuts.
  virtual Encoding Encode(std::string_view text, const EncodeOptions& options) const = 0;
  // Ids without a token are left out. Always well-formed UTF-8.
  virtual std::string Decode(std::span<const int32_t> ids, const DecodeOptions& options) const = 0;
  // How one text and how two become a sequence of the model; text/text_pair.h puts them together. The second is empty
  // where the file does not say how to join two texts.
  virtual const TokenTemplate& single_template() const = 0;
  virtual const TokenTemplate& pair_template() const = 0;
  // The text of tokens given as TokenText() gives them, or of words made of such.
  virtual std::string JoinTokenTexts(std::vector<std::string> tokens) const = 0;
  virtual int32_t vocab_size() const = 0;                     // one more than the largest id
  virtual std::string_view TokenText(int32_t id) const = 0;   // "" for an id without a token
  virtual int32_t TokenId(std::string_view token) const = 0;  // -1 when unknown
  virtual std::string_view kind() const = 0;                  // "WordPiece", "BPE", "Unigram" ...
};

}  // namespace bantam
