// A tokenizer from the vocabulary inside a GGUF file. By "tokenizer.ggml.model":
//
//   bert    WordPiece, its tokens marked at the beginning of words instead of inside them
//   gpt2    byte-level BPE, cut into words as "tokenizer.ggml.pre" says (gguf_pre_tokenizers.cc has the names)
//   llama   SentencePiece BPE by scores, with a token for each byte
//   t5      SentencePiece Unigram
//
// Any other is refused by name. Ids are those of the original tokenizer, which llama.cpp gives too, but that no text
// spells a special token unless asked to.
#pragma once

#include <span>
#include <string>

#include "files/gguf_vocab.h"
#include "text/tokenizer.h"

namespace bantam::text {

// `vocab` is needed no longer than this call.
Result<std::unique_ptr<Tokenizer>> MakeGgufTokenizer(const GgufVocab& vocab);
Result<std::unique_ptr<Tokenizer>> LoadGgufTokenizer(const Path& path);

// How texts are cut into words under a name of "tokenizer.ggml.pre".
struct GgufPreTokenizer {
  std::span<const std::string_view> patterns;  // one after the other
  bool punctuation_first = false;  // before them runs of punctuation are set apart, as `tokenizers` knows it
  bool ignore_merges = false;
  bool add_bos = false;   // where the file does not say
  bool composes = false;  // the original brings text into Unicode's form NFC, which no key says
};
// kUnsupported for an unknown name, listing the known ones.
Result<GgufPreTokenizer> FindGgufPreTokenizer(std::string_view name, std::string_view place);

// The first name under which texts are cut so; empty when there is none.
std::string_view GgufPreTokenizerName(std::span<const std::string> patterns, bool ignore_merges, bool composes);

}  // namespace bantam::text
