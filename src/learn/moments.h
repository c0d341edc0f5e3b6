// The mean of x x^T over vectors: how their dimensions move, alone and together.
#pragma once

#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/isa.h"

namespace bantam {

// rows: [n, dimensions]. [dimensions, dimensions], symmetric; all zero for no rows. The same bits on any number of
// threads of one ISA level. pool: null from within a task of one.
std::vector<float> Moments(std::span<const float> rows, int dimensions, const Kernels& kernels, ThreadPool* pool);

}  // namespace bantam
