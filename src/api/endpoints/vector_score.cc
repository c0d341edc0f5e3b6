#include "api/endpoints/vector_score.h"

namespace bantam {

Status RefuseTokenVectors(const EmbedRequest& request) {
  if (!request.model->embedder->sentence().multi_vector.on) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "{} has a vector for each token; texts are compared here by one vector each: name another model",
             request.model->name);
}

}  // namespace bantam
