// Base64 (RFC 4648 section 4); encoding by OpenSSL.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bantam {

void AppendBase64(std::span<const std::byte> bytes, std::string& out);
// Nothing when the text is not base64: other characters (white space too), a wrong length, bits after the last byte.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace bantam
