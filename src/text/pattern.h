// What a Split or a Replace looks for: {"String": "..."} or {"Regex": "..."}. A known pattern is a hand-written scanner
// (scanners.h), any other runs in RE2, which never backtracks; one that RE2 cannot do is refused. The character classes
// mean what they mean to the reference, whatever version of Unicode RE2 has.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "text/json_part.h"
#include "text/scanners.h"

namespace bantam::text {

class Pattern {
 public:
  static constexpr size_t kMaxBytes = 4'096;

  virtual ~Pattern() = default;
  // The first match from `from` on, or an empty one at the end. The text is well-formed UTF-8.
  virtual Found Next(std::string_view text, size_t from) const = 0;
};

Result<std::unique_ptr<Pattern>> MakePattern(const JsonPart& config);
std::unique_ptr<Pattern> MakePattern(Scanner scanner);

// A pattern of the reference in RE2's language; the error says what cannot be done. For tests.
Result<std::string> TranslateToRe2(std::string_view pattern);

}  // namespace bantam::text
