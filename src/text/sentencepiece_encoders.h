// How SentencePiece cuts normalised text into pieces, by its two algorithms.
#pragma once

#include "text/parts.h"
#include "text/sentencepiece_file.h"
#include "text/token_trie.h"

namespace bantam::text {

struct CutPiece {
  uint32_t begin = 0;
  uint32_t end = 0;
  int32_t id = 0;
};

// The best sum of scores, by Viterbi, in single precision as the reference has it.
class SentencePieceUnigram {
 public:
  explicit SentencePieceUnigram(const SentencePieceModel& model);
  void Cut(const SentencePieceModel& model, std::string_view text, std::vector<CutPiece>& out, uint64_t& steps) const;

 private:
  TokenTrie trie_;
  float unknown_score_ = 0;
};

// Merges neighbours whose piece has the best score. User-defined pieces are found first and never merged.
class SentencePieceBpe {
 public:
  void Cut(const SentencePieceModel& model, const TokenTrie& user_defined, std::string_view text,
           std::vector<CutPiece>& out, uint64_t& steps) const;
};

// The user-defined pieces of a model.
TokenTrie UserDefinedPieces(const SentencePieceModel& model);

}  // namespace bantam::text
