// What a sentence-transformers folder says beside its modules: prompts, the length limit, the dimensions that are kept.
// Also the strict reading of small JSON files that the other readers of this room share.
#pragma once

#include "files/model_folder.h"

namespace bantam {

// At most 16 MiB; every failure is kCorrupt (kNotFound when the file is not there) and names the path.
Result<json::value> ReadJsonFile(const Path& path);

// JsonObject reports for requests; the same mistake in a file on disk makes the file corrupt.
template <typename T>
Result<T> AsCorrupt(Result<T> result) {
  if (!result && result.error().code == ErrorCode::kInvalidArgument) {
    return Error{ErrorCode::kCorrupt, result.error().message, result.error().where};
  }
  return result;
}

// config_sentence_transformers.json, or nothing without that file.
struct SentenceExtras {
  SentencePrompts prompts;
  int truncate_dim = 0;    // 0: all
  std::string model_type;  // "SentenceTransformer", "MultiVectorEncoder", ...; "" where it is not told
  json::value document;    // the whole file, for what only one type of model has; null without it
};
Result<SentenceExtras> ReadSentenceExtras(const Path& folder);

// The longest input in tokens, special tokens included: sentence_bert_config.json, else the smaller one of
// tokenizer_config.json's model_max_length and config.json's max_position_embeddings, else 0.
Result<int> ReadMaxSeqLength(const Path& transformer_folder, const JsonObject& config);

}  // namespace bantam
