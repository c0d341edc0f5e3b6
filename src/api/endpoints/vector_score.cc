#include "api/endpoints/vector_score.h"

#include <cmath>

namespace bantam {

float CosineSimilarity(std::span<const float> a, std::span<const float> b) {
  double product = 0, length_a = 0, length_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    length_a += x * x;
    length_b += y * y;
  }
  const double lengths = std::sqrt(length_a * length_b);
  return lengths == 0 ? 0 : static_cast<float>(product / lengths);
}

Status RefuseTokenVectors(const EmbedRequest& request) {
  if (!request.model->embedder->sentence().multi_vector.on) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "{} has a vector for each token; texts are compared here by one vector each: name another model",
             request.model->name);
}

}  // namespace bantam
