// How near two sentence embeddings are.
#pragma once

#include <span>

#include "api/endpoints/embed_request.h"

namespace bantam {

// In double precision; 0 where one of them is all zeros.
float CosineSimilarity(std::span<const float> a, std::span<const float> b);

// kInvalidArgument for a model with a vector for each token, whose texts are compared otherwise.
Status RefuseTokenVectors(const EmbedRequest& request);

}  // namespace bantam
