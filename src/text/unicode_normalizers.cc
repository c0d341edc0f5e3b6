// NFC, NFD, NFKC, NFKD. The reference decomposes, orders the marks of each run by combining class, and composes again,
// passing along with each character how it stands to the input (see Transform): that is part of the result, because
// offsets come from it.
#include <algorithm>

#include "text/part_makers.h"
#include "text/text_writer.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

struct Ordered {
  char32_t c;
  int change;
  uint8_t combining_class;
};

// Takes decomposed characters in order and composes them, where asked to.
class Composer {
 public:
  Composer(bool composes, Transform& out) : composes_(composes), out_(out) {}

  void Take(const Ordered& next) {
    if (!composes_) return out_.Put(next.c, next.change);
    if (!has_starter_) {
      if (next.combining_class != 0) return out_.Put(next.c, next.change);
      SetStarter(next);
      return;
    }
    // A mark is blocked from the starter by one of its class or a higher one between them.
    const bool blocked = !waiting_.empty() && waiting_.back().combining_class >= next.combining_class;
    if (!blocked) {
      if (const char32_t both = Composition(starter_.c, next.c); both != 0) {
        starter_.c = both;
        starter_.change += next.change - 1;
        return;
      }
    }
    if (next.combining_class != 0) return waiting_.push_back(next);
    Flush();
    SetStarter(next);
  }
  void Flush() {
    if (has_starter_) out_.Put(starter_.c, starter_.change);
    for (const Ordered& mark : waiting_) out_.Put(mark.c, mark.change);
    waiting_.clear();
    has_starter_ = false;
  }

 private:
  void SetStarter(const Ordered& next) {
    starter_ = next;
    has_starter_ = true;
  }
  bool composes_;
  Transform& out_;
  bool has_starter_ = false;
  Ordered starter_{};
  std::vector<Ordered> waiting_;
};

class UnicodeForm final : public Normalizer {
 public:
  UnicodeForm(bool compatible, bool composes) : compatible_(compatible), composes_(composes) {}

  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    steps += in.bytes.size();
    Transform transform(in, with_source, out);
    Composer composer(composes_, transform);
    std::vector<Ordered> run;  // marks that wait for the end of their run
    const auto end_run = [&] {
      std::stable_sort(run.begin(), run.end(),
                       [](const Ordered& a, const Ordered& b) { return a.combining_class < b.combining_class; });
      for (const Ordered& mark : run) composer.Take(mark);
      run.clear();
    };
    const char* p = in.bytes.data();
    const char* end = p + in.bytes.size();
    while (p < end) {
      // An ASCII character before another one is what it is.
      if ((*p & 0x80) == 0 && (p + 1 == end || (p[1] & 0x80) == 0)) {
        end_run();
        composer.Flush();
        transform.Put(static_cast<unsigned char>(*p), 0);
        ++p;
        continue;
      }
      const Decoded decoded = DecodeUtf8(p);
      p += decoded.length;
      int change = 0;
      const auto take = [&](char32_t c) {
        const uint8_t combining_class = ClassOf(c).combining_class;
        const Ordered next{c, std::exchange(change, 1), combining_class};
        if (combining_class != 0) return run.push_back(next);
        end_run();
        composer.Take(next);
      };
      Decompose(decoded.code_point, take);
    }
    end_run();
    composer.Flush();
    transform.Finish();
  }

 private:
  template <typename Take>
  void Decompose(char32_t c, const Take& take) const {
    if (c < 0x80) return take(c);
    const uint16_t flags = ClassOf(c).flags;
    if ((flags & kHangulSyllable) != 0) {
      char32_t letters[3];
      const size_t count = DecomposeHangul(c, letters);
      for (size_t i = 0; i < count; ++i) take(letters[i]);
      return;
    }
    std::span<const uint32_t> parts;
    if (compatible_) parts = CompatibilityDecomposition(c);
    if (parts.empty() && (flags & kDecomposes) != 0) parts = Decomposition(c);
    if (parts.empty()) return take(c);
    for (const uint32_t part : parts) take(part);
  }

  bool compatible_, composes_;
};

Result<std::unique_ptr<Normalizer>> Make(const JsonPart& config, bool compatible, bool composes) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<UnicodeForm>(compatible, composes);
}

}  // namespace

Result<std::unique_ptr<Normalizer>> MakeNfc(const JsonPart& config) { return Make(config, false, true); }
Result<std::unique_ptr<Normalizer>> MakeNfd(const JsonPart& config) { return Make(config, false, false); }
Result<std::unique_ptr<Normalizer>> MakeNfkc(const JsonPart& config) { return Make(config, true, true); }
Result<std::unique_ptr<Normalizer>> MakeNfkd(const JsonPart& config) { return Make(config, true, false); }

}  // namespace bantam::text
