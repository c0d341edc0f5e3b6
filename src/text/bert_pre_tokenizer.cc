// BertPreTokenizer: words are what white space separates, and every punctuation character is a word of its own.
#include <array>

#include "text/part_makers.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

enum Kind : uint8_t { kLetter, kBreak, kSign, kNotAscii };

Kind KindOf(char32_t c) {
  const uint16_t flags = ClassOf(c).flags;
  if ((flags & kSpace) != 0) return kBreak;
  return (flags & kPunctuation) != 0 ? kSign : kLetter;
}

class BertPreTokenizer final : public PreTokenizer {
 public:
  BertPreTokenizer() {
    for (size_t byte = 0; byte < kind_.size(); ++byte) {
      kind_[byte] = byte < 0x80 ? KindOf(static_cast<char32_t>(byte)) : kNotAscii;
    }
  }

  void Split(std::string_view text, ByteRange range, std::vector<ByteRange>& words) const override {
    constexpr uint32_t kNone = UINT32_MAX;
    uint32_t word = kNone;  // where the current word began
    uint32_t i = range.begin;
    const auto end_word = [&] {
      if (word != kNone) words.push_back({word, i});
      word = kNone;
    };
    while (i < range.end) {
      Kind kind = kind_[static_cast<unsigned char>(text[i])];
      uint32_t length = 1;
      if (kind == kNotAscii) {
        const Decoded decoded = DecodeUtf8(text.data() + i);
        kind = KindOf(decoded.code_point);
        length = static_cast<uint32_t>(decoded.length);
      }
      if (kind == kLetter) {
        if (word == kNone) word = i;
        i += length;
        while (i < range.end && kind_[static_cast<unsigned char>(text[i])] == kLetter) ++i;
        continue;
      }
      end_word();
      if (kind == kSign) words.push_back({i, i + length});
      i += length;
    }
    end_word();
  }

 private:
  std::array<Kind, 256> kind_;
};

}  // namespace

Result<std::unique_ptr<PreTokenizer>> MakeBertPreTokenizer(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<BertPreTokenizer>();
}

}  // namespace bantam::text
