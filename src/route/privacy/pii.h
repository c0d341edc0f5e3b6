// Finds what names or unlocks a person in a text: addresses, numbers, keys. By linear scanners that check what can be
// checked (Luhn, mod 97, country lengths); a text of n bytes costs O(n), whatever it holds. Names of people are found
// by a model, if at all (pii_mask.h).
//
//   for (const PiiSpan& span : FindPii("write to ann@example.org")) ...   // EMAIL, 9 to 24
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bantam {

enum class PiiType : uint8_t { kEmail, kPhone, kCard, kIban, kIp, kSecret, kPerson };
inline constexpr size_t kNumPiiTypes = 7;
std::string_view PiiTypeName(PiiType type);  // "EMAIL": as in route files and placeholders
std::optional<PiiType> ParsePiiType(std::string_view name);

struct PiiSpan {
  size_t begin = 0, end = 0;  // bytes
  PiiType type = PiiType::kEmail;
};

// In the text's order, none overlapping. Loopback and unspecified IP addresses are nobody's and are not found. `names`
// of people are among them as far as nothing else was found in their places.
std::vector<PiiSpan> FindPii(std::string_view text, const std::vector<PiiSpan>& names = {});

}  // namespace bantam
