// For tests only: the code of the avx2vnni level on processors that lack AVX-VNNI, in two ways.
#pragma once

#include "kernels/kernel_table.h"

namespace bantam::testing {

// The same source with vpdpbusd in its EVEX encoding: runs with AVX-512 VNNI and VL.
void InstallAvx2VnniAsEvex(KernelTable* table);

// Lets the level's own object run: from here on this process executes each VEX vpdpbusd that traps as an invalid
// instruction in software, some microseconds each. Needs AVX2. False where the kernel does not hand out the registers.
bool EmulateVexVpdpbusd();

}  // namespace bantam::testing
