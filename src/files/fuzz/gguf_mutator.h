// Changes a GGUF file by what its bytes mean: counts, lengths, types, dimensions, offsets and alignments, keys and
// tensors doubled, dropped and exchanged. Mutations of bytes alone rarely come past the first wrong length.
#pragma once

#include <random>
#include <string>

namespace bantam {

// One to three changes. Bytes that are no GGUF file change as bytes.
std::string MutateGguf(std::string bytes, std::mt19937& random);

}  // namespace bantam
