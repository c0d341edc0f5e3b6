// Whether the answer to one question may be given to another that an encoder finds similar. Similarity alone cannot
// say: opposites share their words, and lie nearer to each other than most paraphrases. So what differs between the two
// is looked at, and whatever could change the answer is a refusal.
//
//   const QuestionFacts facts = ReadQuestion(question);                      // once for each question
//   if (auto why = CompareQuestions(ReadQuestion(cached), facts, similarity, rule)) miss(*why);
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace bantam {

enum class PairCheck {
  kNumbers,     // digits, number words, ordinals, dates, times
  kUnits,       // units and currencies
  kNegation,    // not, never, without
  kPolarity,    // enable and disable
  kComparison,  // at least and at most, before and after
  kEntities,    // names, codes, addresses, files, and kinds of one thing: red and blue
  kQuestion,    // who and when, did and will, my and your
  kOrder,       // from A to B and from B to A
  kWords,       // what no other check explains
  kCrossEncoder
};
inline constexpr std::array<std::string_view, 10> kPairCheckNames = {
    "numbers",  "units",    "negation", "polarity", "comparison",
    "entities", "question", "order",    "words",    "cross_encoder"};
std::string_view PairCheckName(PairCheck check);
std::optional<PairCheck> ParsePairCheck(std::string_view name);

// How alike two questions must be, by cosine of their embeddings.
struct PairRule {
  double similarity = 0.65;  // when nothing is left that differs; words that one or both have alone ask for more
  std::array<bool, kPairCheckNames.size()> checks = {true, true, true, true, true, true, true, true, true, false};
  bool Has(PairCheck check) const { return checks[static_cast<size_t>(check)]; }
};

struct PairRefusal {
  PairCheck check = PairCheck::kWords;
  std::string reason;  // `polarity: "enable" and "disable"`; texts of the questions appear in it
};

struct QuestionFacts;  // question_facts.h

// Nothing: the answer to one may be given to the other. Symmetric.
std::optional<PairRefusal> CompareQuestions(const QuestionFacts& a, const QuestionFacts& b, double similarity,
                                            const PairRule& rule);

}  // namespace bantam
