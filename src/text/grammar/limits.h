// What a grammar may cost, whoever wrote it. Each is told by name in the error, and tested at the limit and above.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bantam::grammar {

struct Limits {
  static constexpr size_t kTextBytes = size_t{256} << 10;  // of a grammar's, a pattern's or a schema's text
  static constexpr int kDepth = 256;                       // of nested groups
  static constexpr int kExprDepth = 1'000;                 // of parts within each other: groups and repetitions
  static constexpr uint32_t kRepeat = 100'000;             // of {m,n}; where it is copied, states are counted besides
  static constexpr size_t kExpressions = 200'000;          // nodes of parsed grammars
  static constexpr size_t kNfaStates = 200'000;            // of all rules together
  static constexpr size_t kDfaStates = 60'000;             // of all rules together
  static constexpr size_t kRules = 20'000;
  // Steps of all constructions together: of six nanoseconds where they are slowest.
  static constexpr uint64_t kWork = 12'000'000;

  // While text is written.
  static constexpr size_t kStackDepth = 500;  // of rules inside each other; deeper ones are not begun
  static constexpr size_t kReadings = 1'000;  // ways to read the same text, side by side
  static constexpr size_t kCacheBytes = size_t{48} << 20;
};

}  // namespace bantam::grammar
