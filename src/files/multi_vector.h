// Models with a vector for each token: what sentence-transformers' MultiVectorEncoder, PyLate and Stanford's ColBERT
// write down of query expansion, lengths, prefixes and tokens that do not count.
#pragma once

#include "files/sentence_config.h"
#include "files/sentence_modules.h"

namespace bantam {

// Whether the folder is such a model: by config_sentence_transformers.json's "model_type", or "architectures" of
// config.json in `folder`.
bool IsMultiVector(const Path& folder, const SentenceExtras& extras);

// Fills sentence.multi_vector, and adds to sentence.modules and sentence.prompts what the older formats leave unsaid.
Status ReadMultiVector(const Path& folder, const SentenceExtras& extras, const SentenceModules& modules,
                       SentenceConfig& sentence);

}  // namespace bantam
