// modules.json of a sentence-transformers folder and the config.json of each module it names, checked: what is computed
// here is Transformer or StaticEmbedding, Pooling, Dense, LayerNorm, Normalize (and Dropout, which does nothing outside
// training), in any order that makes sense. Anything else is refused by its name.
#pragma once

#include "files/model_folder.h"

namespace bantam {

struct SentenceModules {
  Path transformer_folder;
  bool is_static = false;  // a StaticEmbedding in place of a transformer and its pooling
  std::vector<PoolingMode> pooling_modes = {PoolingMode::kMean};
  bool include_prompt = true;
  std::vector<SentenceModule> modules = {};  // in order
  Path mask_folder = {};                     // of a MultiVectorMask; empty: there is none
  SparseConfig sparse = {};
};

// What a model makes of a text, which decides what its modules may be.
enum class EmbeddingKind { kVector, kTokenVectors };

// `folder` without modules.json: mean pooling and nothing after it, as sentence-transformers does. kUnsupported for a
// module, a pooling or an activation that is not computed here.
// Of a model of token vectors no Pooling is needed, and older files' modules that do not say what they read mean
// tokens.
Result<SentenceModules> ReadSentenceModules(const Path& folder, EmbeddingKind kind = EmbeddingKind::kVector);

// Two folders whose modules do the same have the same identity: what the modules are, and the hashes of their weights.
Result<std::string> IdentityOfModules(const std::vector<SentenceModule>& modules);

}  // namespace bantam
