// UTF-8 checks and safe printing of untrusted text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bantam {

// Byte offset of the first byte that is not part of well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms,
// at most U+10FFFF), or nothing if all is well. Linear, no allocation.
std::optional<size_t> FirstInvalidUtf8(std::string_view text);

// The text with each maximal ill-formed part replaced by U+FFFD (Unicode 15, section 3.9, "substitution of maximal
// subparts").
std::string ReplaceInvalidUtf8(std::string_view text);

void AppendUtf8(char32_t code_point, std::string& out);

// For error messages and logs: control characters, ESC, DEL, U+2028/2029, bidi controls and ill-formed bytes as \xNN or
// \u{...}; cut after `max_bytes` with an ellipsis, never inside a character.
std::string EscapeForTerminal(std::string_view text, size_t max_bytes = 120);

// 90868376 -> "86.7 MiB"; 812 -> "812 B".
std::string HumanBytes(uint64_t bytes);
// 22713216 -> "22.7M".
std::string HumanCount(uint64_t count);

}  // namespace bantam
