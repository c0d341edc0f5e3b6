// BertNormalizer: cleans, sets ideographs apart, strips accents, lowers.
//
// The reference does these as four passes over the whole text. All but one of them look at single characters, so one
// pass does it here. The exception is the canonical ordering inside strip_accents: marks that follow each other are
// sorted by combining class. Sorting decides little, for most marks are then dropped; what survives (Mc marks, and Mn
// marks that only newer versions of Unicode know) has to come out in that order, and with the offsets that the
// reference gives: it matches the sorted characters with the original ones by counting, not by identity. `MarkRun` does
// exactly that.
//
// Most text is ASCII and needs no offsets table: byte i of the result is then character i. That case is done eight
// bytes at a time, until the first byte that is not plain.
#include <array>
#include <cstring>

#include "text/part_makers.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

struct Options {
  bool clean_text;
  bool handle_chinese_chars;
  bool strip_accents;
  bool lowercase;
};

// Marks that wait for the end of their run.
struct MarkRun {
  struct Mark {
    char32_t code_point;
    uint8_t combining_class;
    bool survives;
    bool first;       // the first character of its decomposition: stands for one character before it
    uint32_t source;  // of that character
  };
  std::vector<Mark> marks;
  bool any_survives = false;

  void Clear() {
    marks.clear();
    any_survives = false;
  }
  // Stable, by combining class. Linear: a run of a million marks is an attack, not a text.
  void Sort() {
    std::array<uint32_t, 256> place{};
    for (const Mark& mark : marks) ++place[mark.combining_class];
    uint32_t next = 0;
    for (uint32_t& count : place) next += std::exchange(count, next);
    std::vector<Mark> sorted(marks.size());
    uint32_t firsts = 0;
    std::vector<uint32_t> sources(marks.size());  // of the marks that are `first`, in the order of the text
    for (const Mark& mark : marks) {
      if (mark.first) sources[firsts++] = mark.source;
      sorted[place[mark.combining_class]++] = mark;
    }
    // The k-th of them now stands for the k-th character, whichever that was.
    firsts = 0;
    for (Mark& mark : sorted) {
      if (mark.first) mark.source = sources[firsts++];
    }
    marks = std::move(sorted);
  }
};

// One call of BertNormalizer::Apply.
template <bool kWithSource>
class Pass {
 public:
  Pass(const Options& options, const std::array<int16_t, 128>& ascii, const TextView& in, NormalizedText& out)
      : options_(options), ascii_(ascii), in_(in), out_(out), bytes_(out.bytes.data()), source_(out.source.data()) {}

  // Goes on from `at`, where both `at` bytes of the input and as many of the result are done, all of them ASCII.
  uint64_t Run(size_t at) {
    size_ = at;
    position_ = at;
    const char* p = in_.bytes.data() + at;
    const char* end = in_.bytes.data() + in_.bytes.size();
    while (p < end) {
      const auto byte = static_cast<unsigned char>(*p);
      if (byte >= 0x80) {
        const Decoded decoded = DecodeUtf8(p);
        remaining_ = static_cast<size_t>(end - p);
        Character(decoded.code_point, SourceAt(p), p, decoded.length);
        p += decoded.length;
        continue;
      }
      const int16_t mapped = ascii_[byte];
      if (mapped < 0) {  // dropped before canonical ordering, so it does not end a run of marks
        ++p, ++position_;
        continue;
      }
      remaining_ = static_cast<size_t>(end - p);
      EndRun();
      last_source_ = SourceAt(p);
      PutByte(static_cast<char>(mapped), last_source_);
      ++p, ++position_;
    }
    remaining_ = 0;
    EndRun();
    out_.size = size_;
    return steps_;
  }

 private:
  uint32_t SourceAt(const char* p) const {
    if constexpr (!kWithSource) return 0;
    if (in_.source != nullptr) return in_.source[p - in_.bytes.data()];
    return in_.first + static_cast<uint32_t>(position_);
  }

  // A character of the input that is not ASCII; `p`, `length`: its bytes.
  void Character(char32_t c, uint32_t source, const char* p, size_t length) {
    ++position_;
    MakeRoom();
    const CharacterClass& kind = ClassOf(c);
    if (options_.clean_text && (kind.flags & (kRemoved | kSpace)) != 0) {
      if ((kind.flags & kRemoved) != 0) return;
      EndRun();
      last_source_ = source;
      PutByte(' ', source);
      return;
    }
    const bool apart = options_.handle_chinese_chars && (kind.flags & kIdeograph) != 0;
    if (apart) {
      EndRun();
      PutByte(' ', source);
    }
    constexpr uint16_t kAltered = kDecomposes | kHangulSyllable | kNonspacingMark | kLowers;
    if ((kind.flags & kAltered) == 0 && kind.combining_class == 0) {
      EndRun();
      last_source_ = source;
      for (size_t i = 0; i < length; ++i) PutByte(p[i], source);
    } else if (options_.strip_accents) {
      Decompose(c, kind, source);
    } else {
      Put(c, source);
    }
    if (apart) {
      EndRun();
      PutByte(' ', source);
    }
  }

  void Decompose(char32_t c, const CharacterClass& kind, uint32_t source) {
    if ((kind.flags & kHangulSyllable) != 0) {
      std::array<char32_t, 3> letters{};
      const size_t count = DecomposeHangul(c, letters.data());
      for (size_t i = 0; i < count; ++i) Ordered(letters[i], i == 0, source);
    } else if ((kind.flags & kDecomposes) != 0) {
      bool first = true;
      for (const char32_t part : Decomposition(c)) Ordered(part, std::exchange(first, false), source);
    } else {
      Ordered(c, true, source);
    }
  }

  // A character after decomposition. A starter ends the run before it; a mark waits.
  void Ordered(char32_t c, bool first, uint32_t source) {
    const CharacterClass& kind = ClassOf(c);
    const bool survives = (kind.flags & kNonspacingMark) == 0;
    if (kind.combining_class != 0) {
      run_.marks.push_back({c, kind.combining_class, survives, first, source});
      run_.any_survives |= survives;
      return;
    }
    EndRun();
    last_source_ = source;
    if (survives) Put(c, source);
  }

  void EndRun() {
    if (run_.marks.empty()) return;
    steps_ += run_.marks.size();
    if (run_.any_survives) {
      run_.Sort();
      for (const MarkRun::Mark& mark : run_.marks) {
        // Within a decomposition marks are in order, so one that is not first follows its first, or a starter.
        if (mark.first) last_source_ = mark.source;
        if (!mark.survives) continue;
        MakeRoom();
        Put(mark.code_point, last_source_);
      }
    }
    run_.Clear();
  }

  void Put(char32_t c, uint32_t source) {
    if (options_.lowercase && (ClassOf(c).flags & kLowers) != 0) {
      for (const char32_t lower : Lower(c)) PutEncoded(lower, source);
    } else {
      PutEncoded(c, source);
    }
  }

  void PutEncoded(char32_t c, uint32_t source) {
    const size_t length = EncodeUtf8(c, bytes_ + size_);
    if constexpr (kWithSource) {
      for (size_t i = 0; i < length; ++i) source_[size_ + i] = source;
    }
    size_ += length;
  }

  void PutByte(char byte, uint32_t source) {
    bytes_[size_] = byte;
    if constexpr (kWithSource) source_[size_] = source;
    ++size_;
  }

  // Room for all that one character can become, for the ASCII that may follow, and for the padding.
  void MakeRoom() {
    constexpr size_t kMostPerCharacter = 64;
    const size_t needed = size_ + kMostPerCharacter + remaining_ + NormalizedText::kPadding;
    if (needed <= out_.bytes.capacity()) return;
    bytes_ = out_.bytes.Reserve(needed, size_);
    if constexpr (kWithSource) source_ = out_.source.Reserve(out_.bytes.capacity(), size_);
  }

  const Options& options_;
  const std::array<int16_t, 128>& ascii_;
  const TextView& in_;
  NormalizedText& out_;
  char* bytes_;
  uint32_t* source_;
  size_t size_ = 0;
  size_t position_ = 0;   // characters of the input read so far
  size_t remaining_ = 0;  // bytes of the input still to read
  uint32_t last_source_ = 0;
  MarkRun run_;
  uint64_t steps_ = 0;
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const Options& options) : options_(options) {
    for (size_t byte = 0; byte < ascii_.size(); ++byte) {
      const auto c = static_cast<char32_t>(byte);
      const uint16_t flags = ClassOf(c).flags;
      ascii_[byte] = static_cast<int16_t>(byte);
      if (options.clean_text && (flags & kSpace) != 0) ascii_[byte] = ' ';
      if (options.clean_text && (flags & kRemoved) != 0) ascii_[byte] = -1;
      if (options.lowercase && (flags & kLowers) != 0) ascii_[byte] = static_cast<int16_t>(Lower(c)[0]);
    }
  }

  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    const size_t length = in.bytes.size();
    // A quarter more than the text: accents stripped and spaces around ideographs mostly balance.
    out.bytes.Reserve(length + length / 4 + 2 * NormalizedText::kPadding + 64, 0);
    out.first = in.first;
    const size_t plain = PlainPrefix(in.bytes, out.bytes.data());
    steps += length;
    out.has_source = with_source && (plain < length || in.source != nullptr);
    if (plain == length) {
      out.size = length;
    } else if (!out.has_source) {
      steps += Pass<false>(options_, ascii_, in, out).Run(plain);
    }
    if (out.has_source) {
      uint32_t* source = out.source.Reserve(out.bytes.capacity(), 0);
      for (size_t i = 0; i < plain; ++i)
        source[i] = in.source != nullptr ? in.source[i] : in.first + static_cast<uint32_t>(i);
      if (plain < length) steps += Pass<true>(options_, ascii_, in, out).Run(plain);
    }
    steps += out.size;
    std::memset(out.bytes.data() + out.size, 0, NormalizedText::kPadding);
  }

 private:
  // Copies bytes until one that is not printable ASCII, lowered if so asked; returns how many.
  size_t PlainPrefix(std::string_view in, char* out) const {
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr uint64_t kHigh = 0x80 * kOnes;
    size_t i = 0;
    while (i < in.size()) {
      for (uint64_t eight = 0; in.size() - i >= sizeof eight; i += sizeof eight) {
        std::memcpy(&eight, in.data() + i, sizeof eight);
        // Once no byte is above 0x7F, adding cannot carry into the next byte.
        if ((eight & kHigh) != 0) break;
        const uint64_t below_space = ~(eight + (0x80 - 0x20) * kOnes) & kHigh;
        const uint64_t is_delete = (eight + (0x80 - 0x7F) * kOnes) & kHigh;
        if ((below_space | is_delete) != 0) break;
        if (options_.lowercase) {
          const uint64_t from_a = eight + (0x80 - 'A') * kOnes;
          const uint64_t after_z = eight + (0x80 - 'Z' - 1) * kOnes;
          eight |= (from_a & ~after_z & kHigh) >> 2;  // 0x20 where a capital stands
        }
        std::memcpy(out + i, &eight, sizeof eight);
      }
      // The odd one among eight, or the last few.
      for (const size_t stop = std::min(i + 8, in.size()); i < stop; ++i) {
        const auto byte = static_cast<unsigned char>(in[i]);
        if (byte >= 0x80 || ascii_[byte] < 0) return i;
        out[i] = static_cast<char>(ascii_[byte]);
      }
    }
    return i;
  }

  Options options_;
  std::array<int16_t, 128> ascii_;  // what each ASCII character becomes; -1: nothing
};

}  // namespace

Result<std::unique_ptr<Normalizer>> MakeBertNormalizer(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(
      config.CheckMembers({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}));
  Options options{};
  BANTAM_TRY(options.clean_text, config.Bool("clean_text"));
  BANTAM_TRY(options.handle_chinese_chars, config.Bool("handle_chinese_chars"));
  BANTAM_TRY(const std::optional<bool> strip_accents, config.BoolOrNull("strip_accents"));
  BANTAM_TRY(options.lowercase, config.Bool("lowercase"));
  options.strip_accents = strip_accents.value_or(options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

}  // namespace bantam::text
