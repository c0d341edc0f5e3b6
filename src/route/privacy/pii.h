// Finds what names or unlocks a person in a text: addresses, numbers, keys. By linear scanners that check what can be
// checked (Luhn, mod 97, country lengths); a text of n bytes costs O(n), whatever it holds.
//
//   for (const PiiSpan& span : FindPii("write to ann@example.org")) ...   // EMAIL, 9 to 24
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bantam {

enum class PiiType : uint8_t { kEmail, kPhone, kCard, kIban, kIp, kSecret };
inline constexpr size_t kNumPiiTypes = 6;
std::string_view PiiTypeName(PiiType type);  // "EMAIL": as in route files and placeholders
std::optional<PiiType> ParsePiiType(std::string_view name);

struct PiiSpan {
  size_t begin = 0, end = 0;  // bytes
  PiiType type = PiiType::kEmail;
};

// In the text's order, none overlapping. Loopback and unspecified IP addresses are nobody's and are not found.
std::vector<PiiSpan> FindPii(std::string_view text);

}  // namespace bantam
