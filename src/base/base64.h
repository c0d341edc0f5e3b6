// Base64 (RFC 4648 section 4), by OpenSSL.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace bantam {

void AppendBase64(std::span<const std::byte> bytes, std::string& out);

}  // namespace bantam
