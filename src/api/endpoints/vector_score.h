// For endpoints that tell how near two sentence embeddings are.
#pragma once

#include "api/endpoints/embed_request.h"

namespace bantam {

// kInvalidArgument for a model with a vector for each token, whose texts are compared otherwise.
Status RefuseTokenVectors(const EmbedRequest& request);

}  // namespace bantam
