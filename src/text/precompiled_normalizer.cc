// Precompiled: SentencePiece's normalization rules as the reference applies them, which is not how SentencePiece does:
// grapheme by grapheme where one has fewer than six bytes, else character by character, each replaced by the rule for
// its shortest prefix that has one.
#include "base/base64.h"
#include "text/charsmap.h"
#include "text/part_makers.h"
#include "text/text_writer.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

constexpr size_t kMostGraphemeBytes = 5;

enum class Jamo { kNone, kLead, kVowel, kTrail, kOpenSyllable, kClosedSyllable };

Jamo JamoOf(char32_t c) {
  if (c < 0x1100 || c > 0xD7FB) return Jamo::kNone;
  if (c <= 0x115F || (c >= 0xA960 && c <= 0xA97C)) return Jamo::kLead;
  if (c <= 0x11A7 || (c >= 0xD7B0 && c <= 0xD7C6)) return Jamo::kVowel;
  if (c <= 0x11FF || c >= 0xD7CB) return Jamo::kTrail;
  if (c < 0xAC00 || c > 0xD7A3) return Jamo::kNone;
  return (c - 0xAC00) % 28 == 0 ? Jamo::kOpenSyllable : Jamo::kClosedSyllable;
}

bool JamoJoin(Jamo a, Jamo b) {
  switch (a) {
    case Jamo::kLead:
      return b != Jamo::kNone && b != Jamo::kTrail;
    case Jamo::kVowel:
    case Jamo::kOpenSyllable:
      return b == Jamo::kVowel || b == Jamo::kTrail;
    case Jamo::kTrail:
    case Jamo::kClosedSyllable:
      return b == Jamo::kTrail;
    default:
      return false;
  }
}

// The end of the extended grapheme cluster that begins at `begin`. Two rules are left out, because what they join never
// has fewer than six bytes with or without them: those for regional indicators and for Indic conjuncts.
size_t GraphemeEnd(std::string_view text, size_t begin) {
  const Decoded first = DecodeUtf8(text.data() + begin);
  size_t at = begin + first.length;
  if (first.code_point == '\r') return at < text.size() && text[at] == '\n' ? at + 1 : at;
  uint32_t last = CategoriesOf(first.code_point);
  if ((last & kNeverJoined) != 0) return at;
  Jamo jamo = JamoOf(first.code_point);
  bool pictograph = (last & kPictograph) != 0;  // ... and since then only characters that extend it
  bool joiner = false;
  while (at < text.size()) {
    const Decoded next = DecodeUtf8(text.data() + at);
    const uint32_t kind = CategoriesOf(next.code_point);
    const Jamo next_jamo = JamoOf(next.code_point);
    const bool extends = (kind & kJoinsBefore) != 0;
    const bool joins = extends || ((last & kJoinsAfter) != 0 && (kind & kNeverJoined) == 0) ||
                       JamoJoin(jamo, next_jamo) || (pictograph && joiner && (kind & kPictograph) != 0);
    if (!joins) break;
    joiner = next.code_point == 0x200D;
    pictograph = extends ? pictograph : (kind & kPictograph) != 0;
    jamo = next_jamo;
    last = kind;
    at += next.length;
  }
  return at;
}

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}

  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    steps += in.bytes.size();
    std::vector<Change> changes;
    changes.reserve(in.bytes.size());
    for (size_t at = 0; at < in.bytes.size();) {
      const size_t end = GraphemeEnd(in.bytes, at);
      const std::string_view grapheme = in.bytes.substr(at, end - at);
      at = end;
      if (grapheme.size() <= kMostGraphemeBytes && Replace(grapheme, changes)) continue;
      for (size_t i = 0; i < grapheme.size();) {
        const Decoded c = DecodeUtf8(grapheme.data() + i);
        if (!Replace(grapheme.substr(i, c.length), changes)) changes.push_back({c.code_point, 0});
        i += c.length;
      }
    }
    Transform transform(in, with_source, out);
    for (const Change& change : changes) transform.Put(change.c, change.change);
    transform.Finish();
  }

 private:
  struct Change {
    char32_t c;
    int change;
  };
  bool Replace(std::string_view part, std::vector<Change>& changes) const {
    const Charsmap::Match match = map_.ShortestPrefix(part);
    if (match.length == 0) return false;
    const auto old_count = static_cast<int>(CountCodePoints(part));
    const auto new_count = static_cast<int>(CountCodePoints(match.replacement));
    for (size_t i = 0; i < match.replacement.size();) {
      const Decoded c = DecodeUtf8(match.replacement.data() + i);
      changes.push_back({c.code_point, 0});
      i += c.length;
    }
    for (int i = 0; i < new_count - old_count; ++i) changes[changes.size() - 1 - static_cast<size_t>(i)].change = 1;
    if (new_count < old_count && !changes.empty()) changes.back().change += new_count - old_count;
    return true;
  }

  Charsmap map_;
};

}  // namespace

Result<std::unique_ptr<Normalizer>> MakePrecompiled(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "precompiled_charsmap"}));
  BANTAM_TRY(const std::string encoded, config.String("precompiled_charsmap"));
  const std::optional<std::string> bytes = DecodeBase64(encoded);
  if (!bytes) return config.Wrong(ErrorCode::kCorrupt, "/precompiled_charsmap", "is not base64");
  Result<Charsmap> map = Charsmap::Parse(*bytes);
  if (!map) return config.Wrong(map.error().code, "/precompiled_charsmap", map.error().message);
  return std::make_unique<Precompiled>(*std::move(map));
}

}  // namespace bantam::text
