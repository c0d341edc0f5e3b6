// Static embeddings (model2vec; StaticEmbedding of sentence-transformers): a word's vector is a row of a table, a
// text's the mean of its words'. No layers at all.
#pragma once

#include "models/encoder.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadStaticEmbedding(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
