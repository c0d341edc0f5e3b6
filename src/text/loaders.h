// Where a tokenizer comes from. Told by name, where it says enough, and by content:
//
//   tokenizer.json                Hugging Face `tokenizers`, in full
//   vocab.txt                     BERT's vocabulary, a token a line; tokenizer_config.json beside it says how to lower
//   vocab.json and merges.txt     GPT-2's, RoBERTa's or CLIP's
//   *.model                       SentencePiece; beside the config.json of a T5 with its sentinels, and the end of a
//                                 text behind each text
//   *.tiktoken                    tiktoken's ranks, of an encoding whose name the file bears
//   *.gguf                        the vocabulary inside (gguf_tokenizer.h)
#pragma once

#include "text/sentencepiece_file.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace bantam::text {

inline constexpr uint64_t kMaxTokenizerFileBytes = uint64_t{256} << 20;

// A file or a folder.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const Path& path);

// Each reads one kind of file. `folder`: where files that belong to it are looked for; empty: nowhere.
Result<std::unique_ptr<Tokenizer>> LoadVocabTxt(std::string_view text, std::string_view name, const Path& folder);
Result<std::unique_ptr<Tokenizer>> LoadVocabAndMerges(std::string_view vocab, std::string_view merges,
                                                      std::string_view name, std::string_view merges_name);
Result<std::unique_ptr<Tokenizer>> LoadSentencePiece(std::string_view bytes, std::string_view name);
std::unique_ptr<Tokenizer> MakeSentencePieceTokenizer(SentencePieceModel model, SentencePieceFrame frame);
// `encoding`: "cl100k_base".
Result<std::unique_ptr<Tokenizer>> LoadTiktoken(std::string_view text, std::string_view name,
                                                std::string_view encoding);

}  // namespace bantam::text
