// The pipeline for every tokenizer that is not BERT's: all parts of parts.cc, in the order of parts.h. Pieces
// (pieces.h) instead of words, because here pre-tokenizers rewrite what they cut.
#pragma once

#include "text/decoder.h"
#include "text/parts.h"
#include "text/tokenizer_file.h"

namespace bantam::text {

// False where the short way of tokenizer.cc will do: WordPiece with BERT's parts or none.
bool NeedsGeneralPipeline(const TokenizerFile& file);
Result<std::unique_ptr<Tokenizer>> MakeGeneralTokenizer(TokenizerFile file);
// Either, as the file needs.
Result<std::unique_ptr<Tokenizer>> MakeTokenizer(TokenizerFile file);

// Its part of TakeEncodeSteps().
uint64_t TakeGeneralEncodeSteps();

// Shared by the pipelines. `decoder` may be null.
std::string DecodeIds(std::span<const int32_t> ids, const DecodeOptions& options, const AddedTokens& added,
                      const Vocabulary& vocabulary, const Decoder* decoder);

}  // namespace bantam::text
