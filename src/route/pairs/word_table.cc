#include "route/pairs/word_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"

// Defined by pair_files.S, which includes words.txt as it is.
extern "C" {
extern const char bantam_pair_words[], bantam_pair_words_end[];
}

namespace bantam {
namespace {

constexpr size_t kMostBetween = 4;  // words between a verb and its particle: "turn all of my alerts off"
constexpr std::array<std::string_view, 8> kParticles = {"on", "off", "up", "down", "in", "out", "back", "away"};

// Forms that no rule gives. Of "lost", "broken" and "paid" the table knows more than of their verbs.
constexpr std::array<std::array<std::string_view, 2>, 56> kIrregular = {{
    {"am", "be"},
    {"are", "be"},
    {"been", "be"},
    {"is", "be"},
    {"was", "be"},
    {"were", "be"},
    {"began", "begin"},
    {"begun", "begin"},
    {"bought", "buy"},
    {"broke", "break"},
    {"chose", "choose"},
    {"chosen", "choose"},
    {"did", "do"},
    {"does", "do"},
    {"done", "do"},
    {"doing", "do"},
    {"feet", "foot"},
    {"forgot", "forget"},
    {"forgotten", "forget"},
    {"found", "find"},
    {"froze", "freeze"},
    {"frozen", "freeze"},
    {"gave", "give"},
    {"given", "give"},
    {"gone", "go"},
    {"got", "get"},
    {"gotten", "get"},
    {"had", "have"},
    {"has", "have"},
    {"having", "have"},
    {"hid", "hide"},
    {"hidden", "hide"},
    {"kept", "keep"},
    {"left", "left"},
    {"lent", "lend"},
    {"made", "make"},
    {"meant", "mean"},
    {"met", "meet"},
    {"children", "child"},
    {"people", "person"},
    {"sent", "send"},
    {"sold", "sell"},
    {"spoke", "speak"},
    {"stole", "steal"},
    {"stolen", "steal"},
    {"taken", "take"},
    {"taught", "teach"},
    {"teeth", "tooth"},
    {"told", "tell"},
    {"took", "take"},
    {"went", "go"},
    {"withdrawn", "withdraw"},
    {"withdrew", "withdraw"},
    {"won", "win"},
    {"wrote", "write"},
    {"written", "write"},
}};

bool IsVowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

bool HasVowel(std::string_view word) {
  return std::any_of(word.begin(), word.end(), IsVowel) || word.find('y') != word.npos;
}

// What stands before -ed or -ing as the verb: "stopp" is "stop", "mov" is "move". The e of longer words goes anyway.
void MendVerb(std::string& stem) {
  const size_t n = stem.size();
  if (n < 3 || IsVowel(stem[n - 1])) return;
  if (n > 3 && stem[n - 1] == stem[n - 2]) {
    if (stem[n - 1] != 'l' && stem[n - 1] != 's') stem.pop_back();
    return;
  }
  if (n > 4 || !IsVowel(stem[n - 2])) return;
  const std::string_view before = std::string_view(stem).substr(0, n - 2);
  const bool short_vowel = std::none_of(before.begin(), before.end(), IsVowel);
  const bool wants_e = std::string_view("svcz").find(stem[n - 1]) != std::string_view::npos;
  if ((short_vowel && std::string_view("wxy").find(stem[n - 1]) == std::string_view::npos) ||
      (wants_e && IsVowel(stem[n - 3])))
    stem += 'e';
}

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string Stem(std::string_view word) {
  for (const auto& [form, verb] : kIrregular) {
    if (word == form) return std::string(verb);
  }
  std::string stem(word);
  const auto ends = [&](std::string_view suffix, size_t least) {
    return stem.size() >= suffix.size() + least && stem.ends_with(suffix) &&
           HasVowel(std::string_view(stem).substr(0, stem.size() - suffix.size()));
  };
  const auto cut = [&](size_t n) { stem.resize(stem.size() - n); };
  if (ends("ies", 2)) {
    cut(3);
    stem += 'y';
  } else if (ends("sses", 1) || ends("shes", 1) || ends("ches", 1) || ends("xes", 1)) {
    cut(2);
  } else if (ends("s", 2) && !stem.ends_with("ss") && !stem.ends_with("us") && !stem.ends_with("is")) {
    cut(1);
  }
  if (ends("ing", 2)) {
    cut(3);
    MendVerb(stem);
  } else if (ends("ied", 2)) {
    cut(3);
    stem += 'y';
  } else if (ends("ed", 2) && !stem.ends_with("eed")) {
    cut(2);
    MendVerb(stem);
  }
  if (stem.size() > 5 && stem.ends_with('e') && !stem.ends_with("ee"))
    stem.pop_back();  // a short one tells "plane" from "plan"
  return stem;
}

const WordTable& WordTable::BuiltIn() {
  static const WordTable table = [] {
    auto parsed = Parse({bantam_pair_words, bantam_pair_words_end});
    BANTAM_CHECK(parsed.has_value(), "{}", parsed.error().message);
    return *std::move(parsed);
  }();
  return table;
}

Result<WordTable> WordTable::Parse(std::string_view text) {
  WordTable table;
  std::optional<PairCheck> check;
  bool filler = false;
  int number = 0;
  for (const std::string_view raw : Split(text, '\n')) {
    ++number;
    const std::string line = Trimmed(raw);
    if (line.empty() || line[0] == '#') continue;
    const std::string place = fmt::format("words.txt:{}", number);
    if (line.front() == '[' && line.back() == ']') {
      const std::string name = line.substr(1, line.size() - 2);
      filler = name == "filler";
      check = ParsePairCheck(name);
      if (!check && !filler) return Err(ErrorCode::kCorrupt, "{}: \"{}\" is no check", place, name);
      continue;
    }
    if (!check && !filler) return Err(ErrorCode::kCorrupt, "{}: words before the first heading", place);
    BANTAM_RETURN_IF_ERROR(table.AddLine(line, place, check, filler));
  }
  return table;
}

Status WordTable::AddLine(std::string_view line, std::string_view place, std::optional<PairCheck> check, bool filler) {
  const int group = filler ? KnownWord::kFiller : num_groups_++;
  int side = 0;
  for (const std::string_view meaning : Split(line, '|')) {
    for (const std::string_view phrase : Split(meaning, ',')) {
      BANTAM_RETURN_IF_ERROR(AddPhrase(phrase, {group, side, check.value_or(PairCheck::kWords)}, place));
    }
    ++side;
  }
  return Ok();
}

Status WordTable::AddPhrase(std::string_view phrase, const KnownWord& known, std::string_view place) {
  std::vector<std::string> stems;
  std::string key;
  for (const std::string_view word : Split(phrase, ' ')) {
    if (word.empty()) continue;
    stems.push_back(Stem(word));
    key += (key.empty() ? "" : " ") + stems.back();
  }
  if (stems.empty()) return Err(ErrorCode::kCorrupt, "{}: nothing between two commas", place);
  if (const auto [at, is_new] = phrases_.emplace(key, known);
      !is_new && (at->second.group != known.group || at->second.side != known.side)) {
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" stands twice", place, Trimmed(phrase));
  }
  longest_ = std::max(longest_, stems.size());
  if (stems.size() == 2 && known.group != KnownWord::kFiller &&
      std::find(kParticles.begin(), kParticles.end(), stems[1]) != kParticles.end())
    parted_.emplace(key, known);
  return Ok();
}

std::optional<WordMatch> WordTable::Longest(std::span<const std::string> words, size_t at) const {
  std::optional<WordMatch> best;
  std::string key;
  for (size_t n = 1; n <= longest_ && at + n <= words.size(); ++n) {
    key += (n == 1 ? "" : " ") + words[at + n - 1];
    if (const auto found = phrases_.find(key); found != phrases_.end()) best = WordMatch{found->second, n, 0};
  }
  if (best && best->num_words > 1) return best;
  for (size_t n = 2; n <= kMostBetween + 1 && at + n < words.size(); ++n) {
    if (const auto found = parted_.find(words[at] + " " + words[at + n]); found != parted_.end())
      return WordMatch{found->second, 1, n};
  }
  return best;
}

}  // namespace bantam
