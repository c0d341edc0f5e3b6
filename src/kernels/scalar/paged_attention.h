#pragma once

#include "kernels/kernel_table.h"

namespace bantam {

void ScalarPagedAttention(const PagedAttentionArgs* args);
void ScalarStoreKv(const StoreKvArgs* args);

}  // namespace bantam
