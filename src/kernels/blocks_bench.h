#pragma once

#include <span>

#include "kernels/kernel_table.h"

namespace bantam {

// Products in the block formats named in `names` ("Q4_K"), or in Q8_0, Q4_0 and Q4_K, at the shapes of small decoders.
void BenchBlocks(const KernelTable& kernels, std::span<char*> names);

}  // namespace bantam
