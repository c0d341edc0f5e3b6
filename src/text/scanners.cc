// How the scanners follow the patterns. A pattern is a list of alternatives, of which the first that matches wins, and
// a repetition takes all it can and gives back only what it must. In these patterns the places where something is given
// back are few, and each is computed instead of searched:
//
//   \s+(?!\S)        all of a run of white space but its last character, or all of it at the end of the text
//   \s*[\r\n]+       a run of white space to its last line end
//   [Lu..]*[Ll..]+   see Cased()
#include "text/scanners.h"

#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

// The character classes of one regular-expression library.
struct Hf {
  static constexpr uint32_t kUpper = kHfLu | kHfLt, kLower = kHfLl, kBoth = kHfLm | kHfLo;
  static constexpr uint32_t kLetter = kUpper | kLower | kBoth, kMark = kHfM, kNumber = kHfN, kPunct = kHfP,
                            kSymbol = kHfS;
};
struct Tt {
  static constexpr uint32_t kUpper = kTtLu | kTtLt, kLower = kTtLl, kBoth = kTtLm | kTtLo;
  static constexpr uint32_t kLetter = kUpper | kLower | kBoth, kMark = kTtM, kNumber = kTtN, kPunct = kTtP,
                            kSymbol = kTtS;
};

// White space, as a category beside those of the table.
constexpr uint32_t kBlank = 1U << 31;
static_assert((kPictograph & kBlank) == 0 && kPictograph < kBlank);

struct Character {
  char32_t c = 0;
  uint32_t categories = 0;  // 0 at the end of the text
  size_t end = 0;
  bool Is(uint32_t mask) const { return (categories & mask) != 0; }
};

// A bit that every character has, so that the end of the text can be told from a character without categories.
constexpr uint32_t kAny = 1U << 30;

Character At(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const Decoded c = DecodeUtf8(text.data() + at);
  const uint32_t blank = IsSpace(c.code_point) ? kBlank : 0;
  return {c.code_point, CategoriesOf(c.code_point) | blank | kAny, at + c.length};
}

bool IsLineEnd(char32_t c) { return c == '\r' || c == '\n'; }

// The end of the run of characters of the class from `at` on, at most `limit` of them.
size_t Run(std::string_view text, size_t at, uint32_t mask, size_t limit = SIZE_MAX) {
  for (; limit > 0; --limit) {
    const Character next = At(text, at);
    if (!next.Is(mask)) break;
    at = next.end;
  }
  return at;
}

// The same of characters that are in none of the classes.
size_t RunOfOthers(std::string_view text, size_t at, uint32_t mask) {
  for (;;) {
    const Character next = At(text, at);
    if (!next.Is(kAny) || next.Is(mask)) return at;
    at = next.end;
  }
}

size_t RunOfBytes(std::string_view text, size_t at, std::string_view bytes) {
  while (at < text.size() && bytes.find(text[at]) != std::string_view::npos) ++at;
  return at;
}

// 's 't 're 've 'm 'll 'd. `any_case` as the libraries fold: U+017F is an s.
size_t Contraction(std::string_view text, size_t at, bool any_case) {
  if (at >= text.size() || text[at] != '\'') return at;
  const auto letter = [&](size_t i) -> char {
    if (i >= text.size()) return 0;
    const char c = text[i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  const char first = letter(at + 1);
  const char second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if (any_case && text.substr(at + 1).starts_with("\u017F")) return at + 3;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) {
    return at + 3;
  }
  return at;
}

// \s+(?!\S)|\s+ at white space.
size_t Blanks(std::string_view text, size_t at) {
  size_t end = at, last = at;
  for (;;) {
    const Character next = At(text, end);
    if (!next.Is(kBlank)) break;
    last = end;
    end = next.end;
  }
  return end == text.size() || last == at ? end : last;
}

// \s*[\r\n]+ at white space: the end of the run's last line end, or `at`.
size_t LineEnds(std::string_view text, size_t at) {
  size_t found = at;
  for (size_t end = at;;) {
    const Character next = At(text, end);
    if (!next.Is(kBlank)) return found;
    end = next.end;
    if (IsLineEnd(next.c)) found = end;
  }
}

// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
template <typename Library>
size_t Gpt2(std::string_view text, size_t at) {
  if (const size_t end = Contraction(text, at, false); end > at) return end;
  const size_t begin = text[at] == ' ' ? at + 1 : at;
  const Character first = At(text, begin);
  if (first.Is(Library::kLetter)) return Run(text, first.end, Library::kLetter);
  if (first.Is(Library::kNumber)) return Run(text, first.end, Library::kNumber);
  if (first.Is(kAny) && !first.Is(kBlank)) {
    return RunOfOthers(text, first.end, kBlank | Library::kLetter | Library::kNumber);
  }
  return Blanks(text, at);
}

// What the patterns after GPT-2's have in common; each member is a place where they differ.
struct Style {
  bool contractions_first = false;     // (?i:'s|'t|'re|'ve|'m|'ll|'d) is the first alternative
  size_t numbers = 3;                  // \p{N}{1,3}, or \p{N}
  bool marks_in_words = false;         // [\p{L}\p{M}]+ for \p{L}+
  bool trailing_blanks_first = false;  // \s++$ comes before the line ends
};

// What may follow ` ?[^\s\p{L}\p{N}]+`, and the white space at the end of each pattern.
template <typename Library>
size_t OthersAndBlanks(std::string_view text, size_t at, uint32_t words, std::string_view after, bool trailing_first) {
  const size_t begin = text[at] == ' ' ? at + 1 : at;
  const Character first = At(text, begin);
  if (first.Is(kAny) && !first.Is(kBlank | words)) {
    return RunOfBytes(text, RunOfOthers(text, first.end, kBlank | words), after);
  }
  if (!At(text, at).Is(kBlank)) return at;
  if (trailing_first) {
    if (const size_t end = Run(text, at, kBlank); end == text.size()) return end;
  }
  if (const size_t end = LineEnds(text, at); end > at) return end;
  return Blanks(text, at);
}

// `(?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
template <typename Library, Style kStyle>
size_t Cl100k(std::string_view text, size_t at) {
  if constexpr (kStyle.contractions_first) {
    if (const size_t end = Contraction(text, at, true); end > at) return end;
  }
  constexpr uint32_t kWord = Library::kLetter | (kStyle.marks_in_words ? Library::kMark : 0);
  const Character first = At(text, at);
  if (!IsLineEnd(first.c) && !first.Is(Library::kLetter | Library::kNumber)) {
    const Character second = At(text, first.end);
    if (second.Is(kWord)) return Run(text, second.end, kWord);
  }
  if (first.Is(kWord)) return Run(text, first.end, kWord);
  if (first.Is(Library::kNumber)) return Run(text, at, Library::kNumber, kStyle.numbers);
  return OthersAndBlanks<Library>(text, at, kWord | Library::kNumber, "\r\n", kStyle.trailing_blanks_first);
}

// [Lu Lt Lm Lo M]*[Ll Lm Lo M]+ and, where that fails, [Lu Lt Lm Lo M]+[Ll Lm Lo M]*, from `at` on. The first part
// takes all it can. When no lower-case letter follows, it gives back as far as its last character that the second part
// takes too, which is then the match's last. Returns `at` when there is no match.
template <typename Library>
size_t Cased(std::string_view text, size_t at, bool lower_needed) {
  constexpr uint32_t kEither = Library::kBoth | Library::kMark;
  size_t end = at, last_either = at;
  for (;;) {
    const Character next = At(text, end);
    if (!next.Is(Library::kUpper | kEither)) break;
    end = next.end;
    if (next.Is(kEither)) last_either = end;
  }
  const size_t lower = Run(text, end, Library::kLower | kEither);
  if (lower > end) return lower;
  return lower_needed ? last_either : end;
}

// `[^\r\n\p{L}\p{N}]?[Lu Lt Lm Lo M]*[Ll Lm Lo M]+(?i:'s|...)?|[^\r\n\p{L}\p{N}]?[Lu Lt Lm Lo M]+[Ll Lm Lo
// M]*(?i:'s|...)?|
//  \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
template <typename Library, size_t kNumbers, bool kContractions>
size_t O200k(std::string_view text, size_t at) {
  const Character first = At(text, at);
  const bool can_lead = !IsLineEnd(first.c) && !first.Is(Library::kLetter | Library::kNumber);
  for (const bool lower_needed : {true, false}) {
    size_t end = at;
    if (can_lead) {
      const size_t after = Cased<Library>(text, first.end, lower_needed);
      if (after > first.end) end = after;
    }
    // A mark may lead a word or be its first letter.
    if (end == at) end = Cased<Library>(text, at, lower_needed);
    if (end > at) return kContractions ? Contraction(text, end, true) : end;
  }
  if (first.Is(Library::kNumber)) return Run(text, at, Library::kNumber, kNumbers);
  return OthersAndBlanks<Library>(text, at, Library::kLetter | Library::kNumber, "\r\n/", false);
}

// `<\|startoftext\|>|<\|endoftext\|>|'s|...|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
size_t Clip(std::string_view text, size_t at) {
  for (const std::string_view special : {"<|startoftext|>", "<|endoftext|>"}) {
    if (text.substr(at).starts_with(special)) return at + special.size();
  }
  if (const size_t end = Contraction(text, at, false); end > at) return end;
  const Character first = At(text, at);
  if (first.Is(Hf::kLetter)) return Run(text, first.end, Hf::kLetter);
  if (first.Is(Hf::kNumber)) return first.end;
  if (first.Is(kBlank)) return at;
  return RunOfOthers(text, at, kBlank | Hf::kLetter | Hf::kNumber);
}

// `[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
//  \s*[\r\n]+|\s+(?!\S)|\s+`: what DeepSeek-V3 does after it has set numbers and ideographs apart.
size_t DeepSeekV3(std::string_view text, size_t at) {
  const auto is_letter = [&](size_t i) {
    return i < text.size() && ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
  };
  const char byte = text[at];
  const bool ascii_punctuation = byte > ' ' && byte < 0x7F && !is_letter(at) && !(byte >= '0' && byte <= '9');
  if (ascii_punctuation && is_letter(at + 1)) {
    size_t end = at + 1;
    while (is_letter(end)) ++end;
    return end;
  }
  constexpr uint32_t kWord = Hf::kLetter | Hf::kMark;
  const Character first = At(text, at);
  if (!IsLineEnd(first.c) && !first.Is(Hf::kLetter | Hf::kPunct | Hf::kSymbol)) {
    const Character second = At(text, first.end);
    if (second.Is(kWord)) return Run(text, second.end, kWord);
  }
  if (first.Is(kWord)) return Run(text, first.end, kWord);
  const size_t begin = byte == ' ' ? at + 1 : at;
  const size_t end = Run(text, begin, Hf::kPunct | Hf::kSymbol);
  if (end > begin) return RunOfBytes(text, end, "\r\n");
  if (!first.Is(kBlank)) return at;
  if (const size_t line_end = LineEnds(text, at); line_end > at) return line_end;
  return Blanks(text, at);
}

// `\s?\p{L}+` and `\s?\p{P}+` of the older DeepSeek models. A run of white space before no word is looked at once.
template <uint32_t kMask>
size_t AfterOneBlank(std::string_view text, size_t at) {
  const Character first = At(text, at);
  const size_t begin = first.Is(kBlank) ? first.end : at;
  const size_t end = Run(text, begin, kMask);
  return end > begin ? end : at;
}

// `[一-龥ࠀ-一가-퟿]+`
size_t DeepSeekIdeographs(std::string_view text, size_t at) {
  for (;;) {
    const Character next = At(text, at);
    const bool in = (next.c >= 0x4E00 && next.c <= 0x9FA5) || (next.c >= 0x0800 && next.c <= 0x4E00) ||
                    (next.c >= 0xAC00 && next.c <= 0xD7FF);
    if (!in) return at;
    at = next.end;
  }
}

// `[一-龥぀-ゟ゠-ヿ]+`
size_t DeepSeekV3Ideographs(std::string_view text, size_t at) {
  for (;;) {
    const Character next = At(text, at);
    if (!((next.c >= 0x4E00 && next.c <= 0x9FA5) || (next.c >= 0x3040 && next.c <= 0x30FF))) return at;
    at = next.end;
  }
}

template <size_t kLimit>
size_t Numbers(std::string_view text, size_t at) {
  return Run(text, at, Hf::kNumber, kLimit);
}

size_t WhiteSpace(std::string_view text, size_t at) { return Run(text, at, kBlank); }

// `\s+$`, where `$` is also the place before a line feed: of a run of white space the part before its last line feed,
// or all of it at the end of the text. A run in which there is no match is passed over whole.
Found LastWhiteSpace(std::string_view text, size_t from) {
  for (size_t at = from; at < text.size();) {
    const Character first = At(text, at);
    if (!first.Is(kBlank)) {
      at = first.end;
      continue;
    }
    const size_t end = Run(text, at, kBlank);
    if (end == text.size()) return {at, end};
    const size_t line_feed = text.substr(at, end - at).rfind('\n');
    if (line_feed != std::string_view::npos && line_feed > 0) return {at, at + line_feed};
    at = end;
  }
  return {text.size(), text.size()};
}

size_t OneLineEnd(std::string_view text, size_t at) { return IsLineEnd(At(text, at).c) ? at + 1 : at; }

size_t ThreeDigits(std::string_view text, size_t at) {
  if (text.size() - at < 3) return at;
  for (size_t i = at; i < at + 3; ++i) {
    if (text[i] < '0' || text[i] > '9') return at;
  }
  return at + 3;
}

// Makes the function that looks for a match of the one that says where a match at one place ends (or that place
// itself).
template <size_t (*kMatch)(std::string_view text, size_t at)>
Found Each(std::string_view text, size_t from) {
  for (size_t at = from; at < text.size(); at += DecodeUtf8(text.data() + at).length) {
    if (const size_t end = kMatch(text, at); end > at) return {at, end};
  }
  return {text.size(), text.size()};
}

constexpr Style kLlama3{.contractions_first = true};
constexpr Style kQwen2{.contractions_first = true, .numbers = 1};
constexpr Style kQwen35{.contractions_first = true, .numbers = 1, .marks_in_words = true};
constexpr Style kTiktoken{.contractions_first = true, .trailing_blanks_first = true};

struct Row {
  std::string_view pattern;
  Scanner scanner;
};

// clang-format off
constexpr Row kScanners[] = {
    // GPT-2, and what came with its vocabulary: RoBERTa, Phi, Whisper, Falcon, StarCoder ...
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Each<Gpt2<Hf>>},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Each<Gpt2<Hf>>},
    // cl100k: GPT-4, Llama 3, Phi-4 ...
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<Cl100k<Hf, kLlama3>>},
    // Qwen2 and Qwen3; Qwen3.5
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<Cl100k<Hf, kQwen2>>},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<Cl100k<Hf, kQwen35>>},
    // o200k: GPT-4o, gpt-oss; Tekken: Mistral NeMo
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<O200k<Hf, 3, true>>},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<O200k<Hf, 1, false>>},
    // CLIP
    {R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", Each<Clip>},
    // DeepSeek-V3 and R1
    {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", Each<DeepSeekV3>},
    {R"([一-龥぀-ゟ゠-ヿ]+)", Each<DeepSeekV3Ideographs>},
    {R"(\p{N}{1,3})", Each<Numbers<3>>},
    // DeepSeek Coder and LLM
    {R"([\r\n])", Each<OneLineEnd>},
    {R"(\s?\p{L}+)", Each<AfterOneBlank<Hf::kLetter>>},
    {R"(\s?\p{P}+)", Each<AfterOneBlank<Hf::kPunct>>},
    {R"([一-龥ࠀ-一가-퟿]+)", Each<DeepSeekIdeographs>},
    {R"(\s+$)", LastWhiteSpace},
    // Falcon, after GPT-2's
    {R"([0-9][0-9][0-9])", Each<ThreeDigits>},
    // Others that stand alone
    {R"(\s+)", Each<WhiteSpace>},
    {R"(\p{N})", Each<Numbers<1>>},
    {R"(\p{N}+)", Each<Numbers<SIZE_MAX>>},
};
// clang-format on

constexpr Row kTiktokenEncodings[] = {
    {"gpt2", Each<Gpt2<Tt>>},
    {"r50k_base", Each<Gpt2<Tt>>},
    {"p50k_base", Each<Gpt2<Tt>>},
    {"p50k_edit", Each<Gpt2<Tt>>},
    {"cl100k_base", Each<Cl100k<Tt, kTiktoken>>},
    {"o200k_base", Each<O200k<Tt, 3, true>>},
    {"o200k_harmony", Each<O200k<Tt, 3, true>>},
};

}  // namespace

Scanner FindScanner(std::string_view pattern) {
  for (const Row& row : kScanners) {
    if (row.pattern == pattern) return row.scanner;
  }
  return nullptr;
}

Scanner Gpt2Scanner() { return Each<Gpt2<Hf>>; }

Scanner TiktokenScanner(std::string_view encoding) {
  for (const Row& row : kTiktokenEncodings) {
    if (row.pattern == encoding) return row.scanner;
  }
  return nullptr;
}

}  // namespace bantam::text
