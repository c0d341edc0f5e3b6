// The tokenizer that a GGUF file carries ("tokenizer.ggml.*"), typed and checked; text/ makes a Tokenizer of it.
//
//   BANTAM_TRY(const GgufVocab vocab, ReadGgufVocab(file->metadata()));
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/gguf_metadata.h"

namespace bantam {

struct GgufVocab {
  enum class TokenType : uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,  // found in the text before anything else
    kUnused = 5,
    kByte = 6,  // "<0x0A>"
  };

  std::string model;                     // "llama", "gpt2", "bert", "t5" ...
  std::string pre;                       // of gpt2: how text is cut into words, by name
  std::vector<std::string_view> tokens;  // by id; in the file
  std::vector<float> scores;             // by id, or empty
  std::vector<TokenType> types;          // by id
  std::vector<std::string_view> merges;  // "left right", by rank

  // -1: the file does not say.
  int32_t bos = -1, eos = -1, eot = -1, unknown = -1, separator = -1, padding = -1, cls = -1, mask = -1;
  // Nothing: as the kind of tokenizer has it.
  std::optional<bool> add_bos, add_eos, add_separator, add_space_prefix, remove_extra_whitespaces;
  std::optional<bool> lowercase, strip_accents;
  std::string_view charsmap;       // SentencePiece's normalisation rules, or empty
  std::string_view chat_template;  // Jinja, or empty

  std::string place;  // "model.gguf: 'tokenizer.ggml", for errors: goes on ".tokens'"
};

// kNotFound when the file has no tokenizer. The strings refer to the file.
Result<GgufVocab> ReadGgufVocab(const GgufMetadata& metadata);

}  // namespace bantam
