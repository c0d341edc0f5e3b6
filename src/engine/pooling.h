// Token vectors of one sequence -> one vector, as sentence-transformers does it.
#pragma once

#include <span>

#include "base/result.h"
#include "files/model_folder.h"

namespace bantam {

// hidden: [num_tokens, out.size()], at least one token. out: [hidden_size]. Normalising divides by the L2 norm, or by 1e-12
// where that is larger. kCorrupt when the result is not finite, which only damaged weights cause.
Status Pool(std::span<const float> hidden, PoolingMode pooling, bool normalize, std::span<float> out);

}  // namespace bantam
