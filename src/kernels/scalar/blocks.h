#pragma once

#include "kernels/kernel_table.h"

namespace bantam {

void ScalarQuantizeBlocks(const QuantizeBlocksArgs* args);
void ScalarGemmBlocks(const GemmBlocksArgs* args);

}  // namespace bantam
