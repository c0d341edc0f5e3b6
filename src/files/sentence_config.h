// How a sentence-transformers folder turns token vectors into one: modules.json, the pooling's config.json, and the
// length limit. Also the strict reading of small JSON files that the other readers of this room share.
#pragma once

#include "files/model_folder.h"

namespace bantam {

// At most 16 MiB; every failure is kCorrupt (kNotFound when the file is not there) and names the path.
Result<json::value> ReadJsonFile(const Path& path);

// What modules.json says: where the transformer's files lie, and how its output is pooled.
struct SentenceModules {
  Path transformer_folder;
  PoolingMode pooling = PoolingMode::kMean;
  bool normalize = false;
  bool is_static = false;  // a StaticEmbedding in place of a transformer and its pooling
};

// `folder` without modules.json: mean pooling without normalisation, as sentence-transformers does.
// kUnsupported for a module or a pooling that we do not compute.
Result<SentenceModules> ReadSentenceModules(const Path& folder);

// The longest input in tokens, special tokens included: sentence_bert_config.json, else the smaller one of
// tokenizer_config.json's model_max_length and config.json's max_position_embeddings, else 0.
Result<int> ReadMaxSeqLength(const Path& transformer_folder, const JsonObject& config);

}  // namespace bantam
