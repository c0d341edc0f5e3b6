// A SentencePiece .model: a protocol buffer (sentencepiece_model.proto), of which the pieces and what decides how text
// is normalised and encoded are read. Nothing is trusted: every length is compared with what is left of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/charsmap.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace bantam::text {

struct SentencePieceModel {
  enum class Algorithm { kUnigram = 1, kBpe = 2 };
  enum class Type : uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

  Algorithm algorithm = Algorithm::kUnigram;
  Vocabulary vocabulary;  // finished; every id has a piece
  std::vector<float> scores;
  std::vector<Type> types;
  int32_t unknown = -1;
  bool byte_fallback = false;
  std::vector<int32_t> bytes;  // with byte_fallback: the ids of the 256 byte pieces
  std::string unknown_surface = " \u2047 ";

  std::optional<Charsmap> charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool treat_whitespace_as_suffix = false;

  // Whether text can become this piece: it is normal, user-defined or unused.
  bool IsText(int32_t id) const {
    const Type type = types[static_cast<size_t>(id)];
    return type == Type::kNormal || type == Type::kUserDefined || type == Type::kUnused;
  }
};

// What a file that holds more than the model says about texts.
struct SentencePieceFrame {
  std::vector<int32_t> before, after;  // special tokens around a text
  TokenTemplate pair = {};             // of two; empty: the file does not say how they are joined
  // User-defined pieces, and control pieces when asked for, are found in the text as it came; what lies between them is
  // encoded by itself.
  bool finds_tokens = false;
};

// kCorrupt, kTooLarge or kUnsupported; messages name the file and the field. `more_control`: control pieces that the
// file's tokenizer has beside it, with the ids after those of the file.
Result<SentencePieceModel> ReadSentencePieceModel(std::string_view bytes, std::string_view name,
                                                  std::span<const std::string> more_control = {});

}  // namespace bantam::text
