// The normalizers that look at one character at a time: Lowercase, Nmt, StripAccents, Strip, Prepend, ByteLevel.
#include "text/byte_alphabet.h"
#include "text/part_makers.h"
#include "text/text_writer.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

// For each character of the input what stands in its place, at `Each::Put(c, p, length, source, writer)`.
template <typename Each>
class ByCharacter final : public Normalizer {
 public:
  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    const Sources sources(in, with_source);
    TextWriter writer(out, with_source, in.bytes.size());
    const char* begin = in.bytes.data();
    const char* end = begin + in.bytes.size();
    for (const char* p = begin; p < end;) {
      const Decoded c = DecodeUtf8(p);
      Each::Put(c.code_point, {p, c.length}, sources[static_cast<size_t>(p - begin)], writer);
      p += c.length;
    }
    steps += in.bytes.size();
    writer.Finish();
  }
};

struct LowercaseEach {
  static void Put(char32_t c, std::string_view bytes, uint32_t source, TextWriter& writer) {
    const std::span<const uint32_t> lower = (ClassOf(c).flags & kLowers) != 0 ? Lower(c) : std::span<const uint32_t>();
    if (lower.empty()) return writer.Put(bytes, source);
    for (const uint32_t part : lower) writer.PutCharacter(part, source);
  }
};

struct StripAccentsEach {
  static void Put(char32_t c, std::string_view bytes, uint32_t source, TextWriter& writer) {
    if ((CategoriesOf(c) & kCombiningMark) == 0) writer.Put(bytes, source);
  }
};

struct NmtEach {
  static bool Removes(char32_t c) {
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  }
  static bool IsBlank(char32_t c) {
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  }
  static void Put(char32_t c, std::string_view bytes, uint32_t source, TextWriter& writer) {
    if (Removes(c)) return;
    writer.Put(IsBlank(c) ? std::string_view(" ") : bytes, source);
  }
};

struct ByteLevelEach {
  static void Put(char32_t, std::string_view bytes, uint32_t source, TextWriter& writer) {
    for (const char byte : bytes) writer.Put(ByteAlphabet::Of(byte), source);
  }
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    size_t begin = 0, end = in.bytes.size();
    while (left_ && begin < end) {
      const Decoded c = DecodeUtf8(in.bytes.data() + begin);
      if (!IsSpace(c.code_point)) break;
      begin += c.length;
    }
    while (right_ && begin < end) {
      const Decoded c = DecodeUtf8Before(in.bytes.data(), in.bytes.data() + end);
      if (!IsSpace(c.code_point)) break;
      end -= c.length;
    }
    const Sources sources(in, with_source);
    TextWriter writer(out, with_source, end - begin);
    writer.Copy(in.bytes.substr(begin, end - begin), sources, begin);
    writer.Finish();
    steps += in.bytes.size();
  }

 private:
  bool left_, right_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    const Sources sources(in, with_source);
    TextWriter writer(out, with_source, in.bytes.size() + prefix_.size());
    if (!in.bytes.empty()) writer.Put(prefix_, sources[0]);
    writer.Copy(in.bytes, sources, 0);
    writer.Finish();
    steps += in.bytes.size();
  }

 private:
  std::string prefix_;
};

template <typename Each>
Result<std::unique_ptr<Normalizer>> MakeByCharacter(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<ByCharacter<Each>>();
}

}  // namespace

Result<std::unique_ptr<Normalizer>> MakeLowercase(const JsonPart& config) {
  return MakeByCharacter<LowercaseEach>(config);
}
Result<std::unique_ptr<Normalizer>> MakeStripAccents(const JsonPart& config) {
  return MakeByCharacter<StripAccentsEach>(config);
}
Result<std::unique_ptr<Normalizer>> MakeNmt(const JsonPart& config) { return MakeByCharacter<NmtEach>(config); }
Result<std::unique_ptr<Normalizer>> MakeByteLevelNormalizer(const JsonPart& config) {
  return MakeByCharacter<ByteLevelEach>(config);
}

Result<std::unique_ptr<Normalizer>> MakeStrip(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "strip_left", "strip_right"}));
  BANTAM_TRY(const bool left, config.Bool("strip_left"));
  BANTAM_TRY(const bool right, config.Bool("strip_right"));
  return std::make_unique<Strip>(left, right);
}

Result<std::unique_ptr<Normalizer>> MakePrepend(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "prepend"}));
  BANTAM_TRY(std::string prefix, config.String("prepend"));
  if (prefix.size() > kMostInsertedBytes) {
    return config.Wrong(ErrorCode::kTooLarge, "/prepend", fmt::format("has more than {} bytes", kMostInsertedBytes));
  }
  return std::make_unique<Prepend>(std::move(prefix));
}

}  // namespace bantam::text
