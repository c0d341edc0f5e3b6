#include "text/pattern.h"

#include <re2/re2.h>

#include "base/text_util.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

class StringPattern final : public Pattern {
 public:
  explicit StringPattern(std::string text) : text_(std::move(text)) {}
  Found Next(std::string_view text, size_t from) const override {
    const size_t at = text_.empty() ? std::string_view::npos : text.find(text_, from);
    if (at == std::string_view::npos) return {text.size(), text.size()};
    return {at, at + text_.size()};
  }

 private:
  std::string text_;
};

class ScannedPattern final : public Pattern {
 public:
  explicit ScannedPattern(Scanner scanner) : scanner_(scanner) {}
  Found Next(std::string_view text, size_t from) const override { return scanner_(text, from); }

 private:
  Scanner scanner_;
};

class Re2Pattern final : public Pattern {
 public:
  explicit Re2Pattern(std::unique_ptr<re2::RE2> regex) : regex_(std::move(regex)) {}
  Found Next(std::string_view text, size_t from) const override {
    re2::StringPiece match;
    const re2::StringPiece whole(text.data(), text.size());
    if (from >= text.size() || !regex_->Match(whole, from, text.size(), re2::RE2::UNANCHORED, &match, 1)) {
      return {text.size(), text.size()};
    }
    const auto begin = static_cast<size_t>(match.data() - text.data());
    return {begin, begin + match.size()};
  }

 private:
  std::unique_ptr<re2::RE2> regex_;
};

using Predicate = bool (*)(char32_t c);

template <uint32_t kMask>
bool Has(char32_t c) {
  return (CategoriesOf(c) & kMask) != 0;
}

struct Class {
  std::string_view name;
  Predicate contains;
};

// Properties by name, as in \p{L}.
constexpr Class kProperties[] = {
    {"L", Has<kHfLu | kHfLl | kHfLt | kHfLm | kHfLo>},
    {"Lu", Has<kHfLu>},
    {"Ll", Has<kHfLl>},
    {"Lt", Has<kHfLt>},
    {"Lm", Has<kHfLm>},
    {"Lo", Has<kHfLo>},
    {"M", Has<kHfM>},
    {"N", Has<kHfN>},
    {"Nd", Has<kHfNd>},
    {"P", Has<kHfP>},
    {"Pc", Has<kHfPc>},
    {"S", Has<kHfS>},
};
constexpr Class kShorthands[] = {{"s", IsSpace}, {"d", Has<kHfNd>}, {"w", Has<kHfWord>}};

// Inside of brackets \w lacks six characters that it has outside, the superscripts and fractions of Latin-1.
bool IsWordInBrackets(char32_t c) {
  return Has<kHfWord>(c) && c != 0xB2 && c != 0xB3 && c != 0xB9 && !(c >= 0xBC && c <= 0xBE);
}

// The class as the inside of brackets: ranges of code points, in or out of it.
std::string RangesOf(Predicate contains, bool inverted) {
  std::string out;
  for (char32_t c = 0; c < 0x110000;) {
    const bool in = c < 0xD800 || c > 0xDFFF ? contains(c) != inverted : false;
    if (!in) {
      ++c;
      continue;
    }
    char32_t end = c + 1;
    while (end < 0x110000 && end != 0xD800 && contains(end) != inverted) ++end;
    out += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<uint32_t>(c), static_cast<uint32_t>(end - 1));
    c = end;
  }
  return out;
}

// Reads the reference's language (Oniguruma's) and writes RE2's.
class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> Run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        BANTAM_RETURN_IF_ERROR(Escape());
      } else if (c == '[') {
        ++at_;
        BANTAM_RETURN_IF_ERROR(Brackets(false));
      } else if (c == '^' || c == '$') {  // of a line, not of the text
        out_ += c == '^' ? "(?m:^)" : "(?m:$)";
        ++at_;
      } else if (in_.substr(at_).starts_with("(?<") || in_.substr(at_).starts_with("(?=") ||
                 in_.substr(at_).starts_with("(?!")) {
        return Err(ErrorCode::kUnsupported, "looks around ({})", in_.substr(at_, 4));
      } else {
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  // One escape, outside of brackets or inside.
  Status Escape() {
    ++at_;
    if (at_ == in_.size()) return Err(ErrorCode::kCorrupt, "ends with a backslash");
    const char c = in_[at_++];
    const char lower = static_cast<char>(c | 0x20);
    if (lower == 'p') return Property(c == 'P');
    for (const Class& shorthand : kShorthands) {
      if (shorthand.name[0] != lower) continue;
      PutClass(lower == 'w' && in_brackets_ ? IsWordInBrackets : shorthand.contains, c != lower);
      return Ok();
    }
    if (c == 'u' && at_ + 4 <= in_.size()) {
      out_ += fmt::format("\\x{{{}}}", in_.substr(at_, 4));
      at_ += 4;
      return Ok();
    }
    // Letters that mean something else here and there, or that RE2 lacks.
    if (((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && std::string_view("rntfvax").find(c) == std::string_view::npos) ||
        (c >= '0' && c <= '9')) {
      return Err(ErrorCode::kUnsupported, "has the escape \\{}", c);
    }
    out_ += '\\';
    out_ += c;
    return Ok();
  }

  Status Property(bool inverted) {
    std::string_view name;
    if (at_ < in_.size() && in_[at_] == '{') {
      const size_t end = in_.find('}', at_);
      if (end == std::string_view::npos) return Err(ErrorCode::kCorrupt, "has a \\p{{ without }}");
      name = in_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    }
    if (name.starts_with('^')) {
      inverted = !inverted;
      name.remove_prefix(1);
    }
    for (const Class& property : kProperties) {
      if (property.name != name) continue;
      PutClass(property.contains, inverted);
      return Ok();
    }
    return Err(ErrorCode::kUnsupported, "has the property {}", QuoteForError(name));
  }

  void PutClass(Predicate contains, bool inverted) {
    if (in_brackets_) {
      out_ += RangesOf(contains, inverted);
    } else {
      out_ += '[' + RangesOf(contains, inverted) + ']';
    }
  }

  // After '['. A class within a class is its union with it.
  Status Brackets(bool nested) {
    if (nested) {
      if (at_ < in_.size() && (in_[at_] == '^' || in_[at_] == ':')) {
        return Err(ErrorCode::kUnsupported, "has a class inside a class that begins with {}", in_[at_]);
      }
    } else {
      in_brackets_ = true;
      out_ += '[';
      if (at_ < in_.size() && in_[at_] == '^') out_ += in_[at_++];
    }
    for (bool first = true; at_ < in_.size(); first = false) {
      const char c = in_[at_];
      if (c == ']' && !first) {
        ++at_;
        if (!nested) {
          out_ += ']';
          in_brackets_ = false;
        }
        return Ok();
      }
      if (in_.substr(at_).starts_with("&&")) return Err(ErrorCode::kUnsupported, "has an intersection of classes");
      if (c == '\\') {
        BANTAM_RETURN_IF_ERROR(Escape());
      } else if (c == '[') {
        if (nested) return Err(ErrorCode::kUnsupported, "has classes nested three deep");
        ++at_;
        BANTAM_RETURN_IF_ERROR(Brackets(true));
      } else {
        if (c == ']') out_ += '\\';
        out_ += c;
        ++at_;
      }
    }
    return Err(ErrorCode::kCorrupt, "has a [ without ]");
  }

  std::string_view in_;
  size_t at_ = 0;
  bool in_brackets_ = false;
  std::string out_;
};

}  // namespace

Result<std::string> TranslateToRe2(std::string_view pattern) { return Translator(pattern).Run(); }

std::unique_ptr<Pattern> MakePattern(Scanner scanner) { return std::make_unique<ScannedPattern>(scanner); }

Result<std::unique_ptr<Pattern>> MakePattern(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"String", "Regex", "Tiktoken"}));
  for (const char* kind : {"String", "Regex", "Tiktoken"}) {
    if (!config.Has(kind)) continue;
    BANTAM_TRY(std::string text, config.String(kind));
    const std::string below = fmt::format("/{}", kind);
    if (text.size() > Pattern::kMaxBytes) {
      return config.Wrong(ErrorCode::kTooLarge, below,
                          fmt::format("has {} bytes, the limit is {}", text.size(), Pattern::kMaxBytes));
    }
    if (kind == std::string_view("String")) return std::make_unique<StringPattern>(std::move(text));
    const bool regex = kind == std::string_view("Regex");
    if (const Scanner scanner = regex ? FindScanner(text) : TiktokenScanner(text); scanner != nullptr) {
      return MakePattern(scanner);
    }
    const auto refuse = [&](std::string_view why) {
      return config.Wrong(ErrorCode::kUnsupported, below,
                          fmt::format("is {}, which {}; known patterns and those of a linear-time engine are supported",
                                      QuoteForError(text), why));
    };
    if (!regex) return refuse("is no encoding of tiktoken that this version knows");
    const Result<std::string> translated = TranslateToRe2(text);
    if (!translated) return refuse(translated.error().message);
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto compiled = std::make_unique<re2::RE2>(*translated, options);
    if (!compiled->ok())
      return refuse(fmt::format("RE2 cannot do ({})", EscapeForTerminal(compiled->error().substr(0, 60))));
    if (re2::RE2::FullMatch("", *compiled)) return refuse("can match nothing at all");
    return std::make_unique<Re2Pattern>(std::move(compiled));
  }
  return config.Wrong(ErrorCode::kCorrupt, "", "has neither a String nor a Regex");
}

}  // namespace bantam::text
