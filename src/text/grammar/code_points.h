// Sets of Unicode code points, and the UTF-8 bytes of a range of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bantam::grammar {

struct CodePointRange {
  uint32_t first = 0;
  uint32_t last = 0;  // inclusive
  bool operator==(const CodePointRange&) const = default;
};

// Sorted, apart, never with surrogates: what well-formed UTF-8 can spell.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(std::initializer_list<CodePointRange> ranges);
  // Of many, in any order: adding them one by one would move the rest each time.
  static CodePointSet From(std::vector<CodePointRange> ranges);
  static CodePointSet All();
  static CodePointSet Of(uint32_t code_point) { return {{code_point, code_point}}; }

  void Add(CodePointRange range);
  void Add(const CodePointSet& other);
  CodePointSet Complement() const;
  CodePointSet Intersect(const CodePointSet& other) const;

  bool empty() const { return ranges_.empty(); }
  bool Has(uint32_t code_point) const;
  std::span<const CodePointRange> ranges() const { return ranges_; }

 private:
  std::vector<CodePointRange> ranges_;
};

struct ByteRange {
  uint8_t first = 0;
  uint8_t last = 0;
};

// Calls found(sequence of byte ranges) for sequences whose products are together the UTF-8 of the range.
void EachUtf8Sequence(CodePointRange range, const std::function<void(std::span<const ByteRange>)>& found);

// The code points of well-formed UTF-8.
std::vector<uint32_t> DecodeUtf8(std::string_view text);

}  // namespace bantam::grammar
