// The pre-tokenizers that cut and change nothing: Split, Punctuation, Digits, Whitespace, WhitespaceSplit,
// CharDelimiterSplit, FixedLength, BertPreTokenizer. And Sequence: one after the other.
#include <fmt/ranges.h>

#include "text/part_makers.h"
#include "text/pieces.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

class Split final : public PreTokenizerStep {
 public:
  Split(std::unique_ptr<Pattern> pattern, DelimiterBehavior behavior, bool inverted)
      : pattern_(std::move(pattern)), behavior_(behavior), inverted_(inverted) {}
  void Apply(Pieces& pieces) const override {
    const auto next = [this](std::string_view text, size_t from) { return pattern_->Next(text, from); };
    pieces.CutEach([&](const Piece& piece, std::vector<Piece>& out) {
      CutAtDelimiters(pieces, piece, behavior_, inverted_, next, out);
    });
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  DelimiterBehavior behavior_;
  bool inverted_;
};

using Predicate = bool (*)(char32_t c);

bool IsPunctuation(char32_t c) { return (ClassOf(c).flags & kPunctuation) != 0; }
bool IsNumeric(char32_t c) { return (CategoriesOf(c) & kNumeric) != 0; }
bool IsWord(char32_t c) { return (ClassOf(c).flags & kWordCharacter) != 0; }

template <Predicate kIs>
Found OneOf(std::string_view text, size_t from) {
  for (size_t at = from; at < text.size();) {
    const Decoded c = DecodeUtf8(text.data() + at);
    if (kIs(c.code_point)) return {at, at + c.length};
    at += c.length;
  }
  return {text.size(), text.size()};
}

// \w+|[^\w\s]+
Found WordOrSymbols(std::string_view text, size_t from) {
  enum Kind { kBlank, kWord, kSymbol };
  const auto kind_of = [](char32_t c) { return IsWord(c) ? kWord : IsSpace(c) ? kBlank : kSymbol; };
  Kind kind = kBlank;
  size_t begin = from, at = from;
  while (at < text.size()) {
    const Decoded c = DecodeUtf8(text.data() + at);
    const Kind next = kind_of(c.code_point);
    if (kind != kBlank && next != kind) break;
    at += c.length;
    if (kind == kBlank && next == kBlank) begin = at;
    kind = next;
  }
  return {begin, at};
}

class SplitBy final : public PreTokenizerStep {
 public:
  SplitBy(Scanner scanner, DelimiterBehavior behavior, bool inverted = false)
      : scanner_(scanner), behavior_(behavior), inverted_(inverted) {}
  void Apply(Pieces& pieces) const override {
    pieces.CutEach([&](const Piece& piece, std::vector<Piece>& out) {
      CutAtDelimiters(pieces, piece, behavior_, inverted_, scanner_, out);
    });
  }

 private:
  Scanner scanner_;
  DelimiterBehavior behavior_;
  bool inverted_;
};

class CharDelimiterSplit final : public PreTokenizerStep {
 public:
  explicit CharDelimiterSplit(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  void Apply(Pieces& pieces) const override {
    const auto next = [this](std::string_view text, size_t from) -> Found {
      const size_t at = text.find(delimiter_, from);
      if (at == std::string_view::npos) return {text.size(), text.size()};
      return {at, at + delimiter_.size()};
    };
    pieces.CutEach([&](const Piece& piece, std::vector<Piece>& out) {
      CutAtDelimiters(pieces, piece, DelimiterBehavior::kDropped, false, next, out);
    });
  }

 private:
  std::string delimiter_;
};

class FixedLength final : public PreTokenizerStep {
 public:
  explicit FixedLength(size_t length) : length_(length) {}
  void Apply(Pieces& pieces) const override {
    pieces.CutEach([&](const Piece& piece, std::vector<Piece>& out) {
      const std::string_view bytes = pieces.BytesOf(piece);
      size_t begin = 0, count = 0;
      for (size_t at = 0; at < bytes.size();) {
        at += DecodeUtf8(bytes.data() + at).length;
        if (++count < length_ && at < bytes.size()) continue;
        out.push_back({piece.begin + static_cast<uint32_t>(begin), piece.begin + static_cast<uint32_t>(at), -1});
        begin = at;
        count = 0;
      }
    });
  }

 private:
  size_t length_;
};

class StepSequence final : public PreTokenizerStep {
 public:
  explicit StepSequence(std::vector<std::unique_ptr<PreTokenizerStep>> steps) : steps_(std::move(steps)) {}
  void Apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->Apply(pieces);
  }
  bool needs_source() const override {
    return std::any_of(steps_.begin(), steps_.end(), [](const auto& step) { return step->needs_source(); });
  }

 private:
  std::vector<std::unique_ptr<PreTokenizerStep>> steps_;
};

struct NamedBehavior {
  std::string_view name;
  DelimiterBehavior behavior;
};
constexpr NamedBehavior kBehaviors[] = {
    {"Removed", DelimiterBehavior::kDropped},
    {"Isolated", DelimiterBehavior::kIsolated},
    {"MergedWithPrevious", DelimiterBehavior::kMergedWithPrevious},
    {"MergedWithNext", DelimiterBehavior::kMergedWithNext},
    {"Contiguous", DelimiterBehavior::kContiguous},
};

}  // namespace

Result<DelimiterBehavior> ReadBehavior(const JsonPart& config, std::string_view key) {
  BANTAM_TRY(const std::string name, config.String(key));
  std::vector<std::string_view> known;
  for (const NamedBehavior& row : kBehaviors) {
    if (row.name == name) return row.behavior;
    known.push_back(row.name);
  }
  return config.Wrong(ErrorCode::kUnsupported, PointerTo("", key),
                      fmt::format("is {}, expected one of {}", QuoteForError(name), fmt::join(known, ", ")));
}

Result<std::unique_ptr<PreTokenizerStep>> MakeSplit(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "pattern", "behavior", "invert"}));
  BANTAM_TRY(std::unique_ptr<Pattern> pattern, MakePattern(config.Member("pattern")));
  BANTAM_TRY(const DelimiterBehavior behavior, ReadBehavior(config, "behavior"));
  BANTAM_TRY(const bool inverted, config.Bool("invert"));
  return std::make_unique<Split>(std::move(pattern), behavior, inverted);
}

Result<std::unique_ptr<PreTokenizerStep>> MakePunctuation(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "behavior"}));
  DelimiterBehavior behavior = DelimiterBehavior::kIsolated;
  if (config.Has("behavior")) {
    BANTAM_TRY(behavior, ReadBehavior(config, "behavior"));
  }
  return std::make_unique<SplitBy>(OneOf<IsPunctuation>, behavior);
}

Result<std::unique_ptr<PreTokenizerStep>> MakeDigits(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "individual_digits"}));
  BANTAM_TRY(const bool individual, config.Bool("individual_digits"));
  return std::make_unique<SplitBy>(OneOf<IsNumeric>,
                                   individual ? DelimiterBehavior::kIsolated : DelimiterBehavior::kContiguous);
}

Result<std::unique_ptr<PreTokenizerStep>> MakeWhitespace(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<SplitBy>(WordOrSymbols, DelimiterBehavior::kDropped, true);
}

Result<std::unique_ptr<PreTokenizerStep>> MakeWhitespaceSplit(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<SplitBy>(OneOf<IsSpace>, DelimiterBehavior::kDropped);
}

Result<std::unique_ptr<PreTokenizerStep>> MakeCharDelimiterSplit(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "delimiter"}));
  BANTAM_TRY(std::string delimiter, config.String("delimiter"));
  if (CountCodePoints(delimiter) != 1) {
    return config.Wrong(ErrorCode::kCorrupt, "/delimiter",
                        fmt::format("is {}, expected one character", QuoteForError(delimiter)));
  }
  return std::make_unique<CharDelimiterSplit>(std::move(delimiter));
}

Result<std::unique_ptr<PreTokenizerStep>> MakeFixedLength(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "length"}));
  int64_t length = 5;
  if (config.Has("length")) {
    BANTAM_TRY(length, config.Int("length", 1, INT32_MAX));
  }
  return std::make_unique<FixedLength>(static_cast<size_t>(length));
}

Result<std::unique_ptr<PreTokenizerStep>> MakeBertPreTokenizerStep(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  steps.push_back(std::make_unique<SplitBy>(OneOf<IsSpace>, DelimiterBehavior::kDropped));
  steps.push_back(std::make_unique<SplitBy>(OneOf<IsPunctuation>, DelimiterBehavior::kIsolated));
  return std::make_unique<StepSequence>(std::move(steps));
}

Result<std::unique_ptr<PreTokenizerStep>> MakeStepSequence(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "pretokenizers"}));
  BANTAM_TRY(const std::vector<JsonPart> elements, config.Elements("pretokenizers", kMostParts));
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  for (const JsonPart& element : elements) {
    BANTAM_TRY(std::unique_ptr<PreTokenizerStep> step, MakePreTokenizerStep(element));
    if (step == nullptr) return element.Wrong(ErrorCode::kCorrupt, "", "is null");
    steps.push_back(std::move(step));
  }
  return std::make_unique<StepSequence>(std::move(steps));
}

}  // namespace bantam::text
