#include "route/forms/mention.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "route/forms/phrases.h"
#include "route/forms/words.h"

namespace bantam {
namespace {

constexpr std::array<std::string_view, 18> kVerbs = {"change",  "update", "correct", "set",   "edit",    "fix",
                                                     "replace", "make",   "switch",  "alter", "modify",  "put",
                                                     "amend",   "use",    "adjust",  "add",   "include", "write"};
constexpr std::array<std::string_view, 11> kArticles = {"the", "my", "our", "your", "that",  "this",
                                                        "a",   "an", "its", "to",   "actual"};
constexpr std::array<std::string_view, 26> kLeadIns = {
    "the",  "my",  "our", "that", "this",   "no",  "oh",      "sorry", "actually", "wait",   "oops", "and",  "so",
    "well", "hmm", "hm",  "um",   "please", "but", "correct", "right", "new",      "actual", "ok",   "okay", "i mean"};
constexpr std::array<std::string_view, 14> kIs = {"is",          "are",       "was",         "should be",   "must be",
                                                  "shall be",    "has to be", "needs to be", "ought to be", "would be",
                                                  "is actually", "is really", "is now",      "should read"};
constexpr std::array<std::string_view, 5> kTo = {"to", "into", "as", "with", "to be"};

bool IsOneOf(std::string_view word, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::vector<std::string> LabelsOf(const Form& form, const Slot& slot) {
  std::vector<std::string> labels = {phrases::Label(slot.name)};
  const std::string label = labels[0];
  if (label.ends_with(" id")) {
    labels.push_back(label.substr(0, label.size() - 3) + " number");
    labels.push_back(label.substr(0, label.size() - 3) + " no");
  }
  const auto same_type =
      std::count_if(form.slots.begin(), form.slots.end(), [&](const Slot& other) { return other.type == slot.type; });
  if (same_type == 1 && slot.type == Slot::Type::kEmail) {
    for (const char* word : {"email", "e mail", "email address", "e mail address", "mail address"})
      labels.emplace_back(word);
  }
  if (same_type == 1 && slot.type == Slot::Type::kDate) {
    for (const char* word : {"date", "day"}) labels.emplace_back(word);
  }
  return labels;
}

struct Named {
  const Slot* slot = nullptr;
  size_t at = 0, words = 0;
};

// Where slots are named, the longest label at each place.
std::vector<Named> FindNames(const Form& form, std::span<const Word> words) {
  std::vector<Named> names;
  for (size_t at = 0; at < words.size();) {
    Named best;
    for (const Slot& slot : form.slots) {
      for (const std::string& label : LabelsOf(form, slot)) {
        std::string lower = JoinWords(SplitWords(label));
        const size_t count = MatchPhrase(words.subspan(at), lower);
        if (count > best.words) best = {&slot, at, count};
      }
    }
    if (best.slot != nullptr) names.push_back(best);
    at += std::max<size_t>(best.words, 1);
  }
  return names;
}

// "change", "please change the", "could you set my"
bool VerbBefore(std::span<const Word> words, size_t at) {
  for (size_t i = at; i > 0; --i) {
    if (IsOneOf(words[i - 1].text, kVerbs)) return true;
    if (!IsOneOf(words[i - 1].text, kArticles)) return false;
  }
  return false;
}

bool OnlyLeadIn(std::span<const Word> words, size_t at) {
  return std::all_of(words.begin(), words.begin() + static_cast<ptrdiff_t>(at),
                     [](const Word& word) { return IsOneOf(word.text, kLeadIns); });
}

// The rest of the text from word `at` on, without quotes, a final stop, or "please" and "instead" at its end.
void SetValue(std::string_view text, std::span<const Word> words, size_t at, SlotMention& mention) {
  size_t last = words.size();
  while (last > at &&
         (words[last - 1].text == "please" || words[last - 1].text == "instead" || words[last - 1].text == "thanks"))
    --last;
  if (at >= last) {
    mention.value_begin = mention.value_end = text.size();
    return;
  }
  mention.value_begin = words[at].begin;
  mention.value_end = last == words.size() ? text.size() : words[last - 1].end;
  // Signs belong to the value: "£20", "-5".
  const size_t floor = at == 0 ? 0 : words[at - 1].end;
  while (mention.value_begin > floor &&
         std::string_view(" \"':=,").find(text[mention.value_begin - 1]) == std::string_view::npos) {
    --mention.value_begin;
  }
  while (mention.value_end > mention.value_begin &&
         std::string_view(" .!\"'\r\n").find(text[mention.value_end - 1]) != std::string_view::npos) {
    --mention.value_end;
  }
}

}  // namespace

std::optional<SlotMention> FindMention(const Form& form, std::string_view text) {
  const std::vector<Word> words = SplitWords(text.substr(0, 4'096));
  for (const Named& named : FindNames(form, words)) {
    SlotMention mention{.slot = named.slot};
    const size_t after = named.at + named.words;
    const std::span<const Word> rest = std::span<const Word>(words).subspan(after);
    const size_t gap_end = after < words.size() ? words[after].begin : text.size();
    const std::string_view gap = text.substr(words[after - 1].end, gap_end - words[after - 1].end);
    const bool sign = gap.find_first_of(":=") != std::string_view::npos;
    if (VerbBefore(words, named.at)) {
      mention.asks_for_change = true;
      size_t value = after + MatchAny(rest, kTo);
      if (!rest.empty() && rest[0].text == "from") {  // from monday to tuesday
        for (size_t i = after; i < words.size(); ++i) {
          if (words[i].text == "to") value = i + 1;
        }
      }
      SetValue(text, words, value, mention);
      return mention;
    }
    if (!OnlyLeadIn(words, named.at)) continue;
    const size_t is = MatchAny(rest, kIs);
    if (is == 0 && !sign) continue;
    SetValue(text, words, after + is, mention);
    if (mention.value_begin < mention.value_end) return mention;
  }
  return std::nullopt;
}

}  // namespace bantam
