// Vectors as JSON arrays: what embeddings are sent as.
#pragma once

#include <span>
#include <string>

namespace bantam {

// Appends "[0.25,-1e-05,null]": each number in the fewest digits that read back as the same float, null for what is not
// finite.
void AppendJsonFloats(std::span<const float> numbers, std::string& out);

}  // namespace bantam
