// One function for each ISA folder: overwrites the slots that the folder does better than the levels below it.
#pragma once

#include "kernels/kernel_table.h"

namespace bantam {

void InstallScalar(struct KernelTable* table);
void InstallAvx2(struct KernelTable* table);
void InstallAvx2Vnni(struct KernelTable* table);
void InstallAvx512(struct KernelTable* table);
void InstallAvx512Vnni(struct KernelTable* table);
void InstallAvx512Bf16(struct KernelTable* table);
void InstallNeon(struct KernelTable* table);
void InstallNeonDot(struct KernelTable* table);
void InstallNeonI8mm(struct KernelTable* table);

}  // namespace bantam
