// Bytes that nobody can guess, from the kernel: keys, nonces.
#pragma once

#include <span>

#include "base/result.h"

namespace bantam {

Status FillRandom(std::span<unsigned char> bytes);

}  // namespace bantam
