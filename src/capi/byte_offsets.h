// From code points, which the tokenizers count, to bytes, which C counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bantam::capi {

// Offsets in code points of a well-formed text -> in bytes. The tokens of most tokenizers come in the order of the
// text, but nothing promises that.
class ByteOffsets {
 public:
  explicit ByteOffsets(std::string_view text) {
    starts_.reserve(text.size() + 1);
    for (size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts_.push_back(static_cast<uint32_t>(i));
    }
    starts_.push_back(static_cast<uint32_t>(text.size()));
  }
  uint32_t At(uint32_t code_point) const { return starts_[std::min<size_t>(code_point, starts_.size() - 1)]; }

 private:
  std::vector<uint32_t> starts_;  // of each character, and the end
};

}  // namespace bantam::capi
