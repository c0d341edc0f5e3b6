#include "route/pairs/pair_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "route/pairs/question_facts.h"

namespace bantam {
namespace {

// What is left when no check objects, in words that only one of the two has: with how much more similarity is it still
// the same question? Set on the suite of pairs (suite.jsonl), judged on held_out.jsonl.
constexpr double kForWordsOfOne = 0.20, kForWordsOfBoth = 0.27;
constexpr size_t kMostWordsLeft = 2;  // of each

using Facts = QuestionFacts;

// What a question has of one group of the word table.
struct SidesOfGroup {
  std::set<int> sides;
  std::string shown;
};

bool IsNumber(const QuestionItem& item) { return item.id.starts_with("number "); }
bool IsContrast(const QuestionItem& item) { return item.known.group >= 0 && item.known.check != PairCheck::kWords; }

using Contrasts = std::map<int, SidesOfGroup>;  // by group

Contrasts ContrastsOf(const Facts& facts, const PairRule& rule) {
  Contrasts groups;
  for (const QuestionItem& item : facts.items) {
    if (!IsContrast(item) || !rule.Has(item.known.check)) continue;
    SidesOfGroup& group = groups[item.known.group];
    if (group.sides.insert(item.known.side).second) group.shown += (group.shown.empty() ? "" : ", ") + item.shown;
  }
  return groups;
}

PairRefusal Refuse(PairCheck check, std::string_view a, std::string_view b) {
  const auto quoted = [](std::string_view text) {
    return text.empty() ? std::string("nothing") : fmt::format("\"{}\"", text);
  };
  return {check, fmt::format("{}: {} and {}", PairCheckName(check), quoted(a), quoted(b))};
}

PairCheck CheckOf(int group, const Facts& facts) {
  const auto item = std::find_if(facts.items.begin(), facts.items.end(),
                                 [&](const QuestionItem& i) { return i.known.group == group; });
  return item->known.check;
}

// Which of two opposites, colours or cities: the same of each group, in whatever order (that is for CompareOrder).
std::optional<PairRefusal> CompareContrasts(const Facts& a, const Facts& b, const PairRule& rule) {
  const Contrasts of_a = ContrastsOf(a, rule), of_b = ContrastsOf(b, rule);
  for (const auto& [group, in_a] : of_a) {
    const auto in_b = of_b.find(group);
    if (in_b == of_b.end()) return Refuse(CheckOf(group, a), in_a.shown, {});
    if (in_b->second.sides != in_a.sides) return Refuse(CheckOf(group, a), in_a.shown, in_b->second.shown);
  }
  for (const auto& [group, in_b] : of_b) {
    if (!of_a.contains(group)) return Refuse(CheckOf(group, b), {}, in_b.shown);
  }
  return std::nullopt;
}

std::string Joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// A name of one must be a word of the other, whatever its capitals.
std::optional<PairRefusal> CompareNames(const Facts& a, const Facts& b) {
  const auto missing = [](const Facts& from, const Facts& in) -> std::string {
    for (const std::string& name : from.names) {
      if (in.names.contains(name) || std::find(in.words.begin(), in.words.end(), name) != in.words.end()) continue;
      const std::string text = " " + Joined(in.words) + " ";
      if (text.find(" " + name + " ") == text.npos) return name;
    }
    return {};
  };
  const std::string only_a = missing(a, b), only_b = missing(b, a);
  if (only_a.empty() && only_b.empty()) return std::nullopt;
  return Refuse(PairCheck::kEntities, only_a, only_b);
}

std::optional<PairRefusal> CompareGrammar(const Facts& a, const Facts& b) {
  const auto owners = [](const Facts& f) { return std::string(f.owners.begin(), f.owners.end()); };
  if (!a.owners.empty() && !b.owners.empty() && a.owners != b.owners) {
    return PairRefusal{PairCheck::kQuestion, fmt::format("question: whose is it ({} and {})", owners(a), owners(b))};
  }
  if ((a.past && b.future && !a.future && !b.past) || (a.future && b.past && !b.future && !a.past))
    return PairRefusal{PairCheck::kQuestion, "question: one is about the past, the other about the future"};
  return std::nullopt;
}

// Who does it to whom: "I" before "you" in one and after it in the other.
bool PersonsSwapped(const Facts& a, const Facts& b) {
  const auto first = [](const Facts& f, char person) {
    return std::find(f.persons.begin(), f.persons.end(), person) - f.persons.begin();
  };
  const auto has_both = [&](const Facts& f) {
    const auto n = static_cast<ptrdiff_t>(f.persons.size());
    return first(f, '1') < n && first(f, '2') < n;
  };
  return has_both(a) && has_both(b) && (first(a, '1') < first(a, '2')) != (first(b, '1') < first(b, '2'));
}

bool IsDirection(std::string_view preposition) {
  return preposition == "from" || preposition == "to" || preposition == "into" || preposition == "onto" ||
         preposition == "by" || preposition == "than";
}
std::string_view Direction(std::string_view preposition) {
  return preposition == "into" || preposition == "onto" ? std::string_view("to") : preposition;
}

const QuestionItem* Find(const Facts& facts, const std::string& id) {
  const QuestionItem* found = nullptr;
  for (const QuestionItem& item : facts.items) {
    if (item.id != id) continue;
    if (found != nullptr) return nullptr;  // twice: where it stands says nothing
    found = &item;
  }
  return found;
}

// Whether it matters which of the two comes first: not of verbs and adjectives, unless they are a contrast ("the new or
// the old").
bool OrderMatters(const QuestionItem& x, const QuestionItem& y) {
  const auto describes = [](const QuestionItem& item) {
    return item.known.group >= 0 &&
           (item.known.check == PairCheck::kPolarity || item.known.check == PairCheck::kComparison ||
            item.known.check == PairCheck::kQuestion);
  };
  return (!describes(x) && !describes(y)) || (x.known.group >= 0 && x.known.group == y.known.group);
}

// "account password" and "password of my account": neighbours that changed places around a preposition that says
// nothing of who does what, or simply ("reset password", "password reset"). Or both say their part: "in Paris on
// Monday".
bool MayChangePlaces(const QuestionItem& x, const QuestionItem& y, const QuestionItem& other_x,
                     const QuestionItem& other_y) {
  const bool same_parts = x.preposition == other_x.preposition && y.preposition == other_y.preposition;
  if (same_parts && x.preposition != y.preposition) return true;
  if (x.is_name || y.is_name || (IsNumber(x) && IsNumber(y))) return false;
  const auto distance = [](const QuestionItem& first, const QuestionItem& second) {
    return second.word - first.word - first.num_words;
  };
  const auto belongs = [](const QuestionItem& item) {
    return item.preposition == "of" || item.preposition == "for" || item.preposition == "on" ||
           item.preposition == "in";
  };
  const size_t here = distance(x, y), there = distance(other_y, other_x);
  if (here == 0 && there == 0) return true;
  if (belongs(y) == belongs(other_x)) return false;
  return belongs(y) ? here <= 3 && there <= 1 : there <= 3 && here <= 1;
}

std::optional<PairRefusal> CompareOrder(const Facts& a, const Facts& b) {
  if (PersonsSwapped(a, b)) return PairRefusal{PairCheck::kOrder, "order: \"I\" and \"you\" changed places"};
  for (size_t i = 0; i < a.items.size(); ++i) {
    const QuestionItem& x = a.items[i];
    const QuestionItem* other_x = Find(b, x.id);
    if (other_x == nullptr || Find(a, x.id) == nullptr) continue;
    if (IsDirection(x.preposition) && IsDirection(other_x->preposition) &&
        Direction(x.preposition) != Direction(other_x->preposition)) {
      return Refuse(PairCheck::kOrder, x.preposition + " " + x.shown, other_x->preposition + " " + other_x->shown);
    }
    for (size_t j = i + 1; j < a.items.size(); ++j) {
      const QuestionItem& y = a.items[j];
      const QuestionItem* other_y = Find(b, y.id);
      if (other_y == nullptr || Find(a, y.id) == nullptr || other_x->word <= other_y->word || !OrderMatters(x, y))
        continue;
      if (!MayChangePlaces(x, y, *other_x, *other_y))
        return Refuse(PairCheck::kOrder, x.shown + " ... " + y.shown, other_y->shown + " ... " + other_x->shown);
    }
  }
  return std::nullopt;
}

// Words of `from` that `in` has no equal of; contrasts have been compared already.
std::vector<std::string> Left(const Facts& from, const Facts& in) {
  std::vector<std::string> left;
  for (const QuestionItem& item : from.items) {
    if (IsContrast(item) || IsNumber(item)) continue;
    if (std::any_of(in.items.begin(), in.items.end(), [&](const QuestionItem& other) { return other.id == item.id; }))
      continue;
    left.push_back(item.shown);
  }
  return left;
}

std::optional<PairRefusal> CompareWords(const Facts& a, const Facts& b, double similarity, const PairRule& rule) {
  const std::vector<std::string> of_a = Left(a, b), of_b = Left(b, a);
  const bool both = !of_a.empty() && !of_b.empty(), none = of_a.empty() && of_b.empty();
  const double needed = rule.similarity + (none ? 0 : both ? kForWordsOfBoth : kForWordsOfOne);
  if (similarity >= std::min(needed, 0.99) && of_a.size() <= kMostWordsLeft && of_b.size() <= kMostWordsLeft)
    return std::nullopt;
  if (none)
    return PairRefusal{PairCheck::kWords, fmt::format("words: similarity {:.3f} is below {:.2f}", similarity, needed)};
  PairRefusal refusal = Refuse(PairCheck::kWords, Joined(of_a), Joined(of_b));
  refusal.reason += fmt::format(", at a similarity of {:.3f}", similarity);
  return refusal;
}

}  // namespace

std::string_view PairCheckName(PairCheck check) { return kPairCheckNames[static_cast<size_t>(check)]; }

std::optional<PairCheck> ParsePairCheck(std::string_view name) {
  const auto found = std::find(kPairCheckNames.begin(), kPairCheckNames.end(), name);
  if (found == kPairCheckNames.end()) return std::nullopt;
  return static_cast<PairCheck>(found - kPairCheckNames.begin());
}

std::optional<PairRefusal> CompareQuestions(const Facts& a, const Facts& b, double similarity, const PairRule& rule) {
  if (!(similarity >= rule.similarity)) {  // also NaN
    return PairRefusal{PairCheck::kWords,
                       fmt::format("words: similarity {:.3f} is below {:.2f}", similarity, rule.similarity)};
  }
  if (!a.readable || !b.readable) return PairRefusal{PairCheck::kWords, "words: not English enough to be compared"};
  if (rule.Has(PairCheck::kNumbers) && a.numbers != b.numbers) {
    std::vector<std::string> x = a.numbers, y = b.numbers;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    // In another order CompareOrder looks at each, but for one that stands there twice.
    if (x != y || std::adjacent_find(x.begin(), x.end()) != x.end())
      return Refuse(PairCheck::kNumbers, Joined(a.numbers), Joined(b.numbers));
  }
  if (rule.Has(PairCheck::kNegation) && a.negations != b.negations) {
    return PairRefusal{PairCheck::kNegation, fmt::format("negation: {} and {}", a.negations, b.negations)};
  }
  if (auto refusal = CompareContrasts(a, b, rule)) return refusal;
  if (rule.Has(PairCheck::kEntities)) {
    if (auto refusal = CompareNames(a, b)) return refusal;
  }
  if (rule.Has(PairCheck::kQuestion)) {
    if (auto refusal = CompareGrammar(a, b)) return refusal;
  }
  if (rule.Has(PairCheck::kOrder)) {
    if (auto refusal = CompareOrder(a, b)) return refusal;
  }
  return rule.Has(PairCheck::kWords) ? CompareWords(a, b, similarity, rule) : std::nullopt;
}

}  // namespace bantam
