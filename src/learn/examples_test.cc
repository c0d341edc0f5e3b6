#include "learn/examples.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include "base/testing.h"

namespace bantam {
namespace {

using testing::TempFolder;

Result<std::vector<LabelledText>> Read(std::string_view bytes, const ReadExamplesOptions& options = {}) {
  TempFolder folder;
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder / "x.jsonl", bytes));
  return ReadExamples(folder / "x.jsonl", options);
}

std::string Complaint(std::string_view bytes, const ReadExamplesOptions& options = {}) {
  const auto examples = Read(bytes, options);
  return examples ? "no error" : examples.error().message;
}

TEST(ReadExamples, TakesLinesAndSkipsBlankOnes) {
  ASSERT_OK_AND_ASSIGN(
      const auto examples,
      Read("{\"text\": \"a\", \"label\": \"x\"}\r\n\n  \n{\"label\":\"oos\",\"text\":\"b\",\"id\":7}"));
  ASSERT_EQ(examples.size(), 2u);
  EXPECT_EQ(examples[0].text, "a");
  EXPECT_EQ(examples[1].label, kOutOfScopeLabel);
}

TEST(ReadExamples, FiltersBySplitAndFillsInALabel) {
  const std::string_view bytes =
      "{\"text\":\"a\",\"label\":\"x\",\"split\":\"train\"}\n{\"text\":\"b\",\"split\":\"test\"}\n{\"text\":\"c\","
      "\"split\":\"oos\"}\n";
  ASSERT_OK_AND_ASSIGN(const auto examples, Read(bytes, {.default_label = "oos", .splits = {"train", "oos"}}));
  ASSERT_EQ(examples.size(), 2u);
  EXPECT_EQ(examples[0].label, "x");
  EXPECT_EQ(examples[1].text, "c");
  EXPECT_EQ(examples[1].label, "oos");
  EXPECT_THAT(Complaint(bytes, {.default_label = "oos", .splits = {"dev"}}),
              ::testing::HasSubstr("the file has oos, test, train"));
}

TEST(ReadExamples, ErrorsNameFileLineAndMend) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const std::string good = "{\"text\":\"a\",\"label\":\"x\"}\n";
  EXPECT_THAT(Complaint(good + "\n{\"text\":\"a\"}\n"), AllOf(HasSubstr("x.jsonl:3: \"label\" is missing")));
  EXPECT_THAT(Complaint(good + "{\"text\":\"a\",\n"), AllOf(HasSubstr("x.jsonl:2:"), Not(HasSubstr("x.jsonl:2:1:"))));
  EXPECT_THAT(Complaint(good + "[1]\n"), HasSubstr("x.jsonl:2: expected a JSON object"));
  EXPECT_THAT(Complaint(good + "{\"text\":3,\"label\":\"x\"}"),
              HasSubstr("x.jsonl:2: \"text\" is 3, expected a string"));
  EXPECT_THAT(Complaint("{\"text\":\" \",\"label\":\"x\"}"), HasSubstr("x.jsonl:1: \"text\" is empty"));
  EXPECT_THAT(Complaint("{\"text\":\"a\",\"label\":\"\"}"), HasSubstr("x.jsonl:1: \"label\" has 0 bytes"));
  EXPECT_THAT(Complaint("{\"text\":\"a\",\"label\":\"x\",\"label\":\"y\"}"), HasSubstr("duplicate key"));
  EXPECT_THAT(Complaint(good + "{\"text\":\"\xff\",\"label\":\"x\"}"), HasSubstr("x.jsonl:2: invalid UTF-8"));
  EXPECT_THAT(Complaint(good, {.default_label = "", .splits = {"train"}}),
              HasSubstr("x.jsonl:1: \"split\" is missing"));
  EXPECT_THAT(Complaint(""), HasSubstr("no examples; expected lines such as"));
  EXPECT_THAT(Complaint("\n \n"), HasSubstr("no examples"));
  const auto missing = ReadExamples("/nonexistent/x.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/x.jsonl"));
}

TEST(ExamplesSha256, IgnoresOrderAndNothingElse) {
  const std::vector<LabelledText> a = {{"one", "x"}, {"two", "y"}}, b = {{"two", "y"}, {"one", "x"}};
  EXPECT_EQ(ExamplesSha256(a), ExamplesSha256(b));
  EXPECT_EQ(ExamplesSha256(a).size(), 64u);
  const std::vector<std::vector<LabelledText>> others = {{{"one", "x"}},
                                                         {{"one", "x"}, {"two", "y"}, {"two", "y"}},
                                                         {{"onex", ""}, {"two", "y"}},
                                                         {{"one", "y"}, {"two", "x"}}};
  for (const auto& other : others) EXPECT_NE(ExamplesSha256(a), ExamplesSha256(other));
}

TEST(IndexLabels, SortsAndLeavesOutOfScopeOut) {
  const LabelIndex index = IndexLabels(std::vector<LabelledText>{{"1", "b"}, {"2", "oos"}, {"3", "a"}, {"4", "b"}});
  EXPECT_EQ(index.labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(index.label_of, (std::vector<int>{1, -1, 0, 1}));
}

std::vector<LabelledText> Mixed() {
  std::vector<LabelledText> examples;
  for (int label = 0; label < 9; ++label) {
    for (int i = 0; i < 2 + 3 * label; ++i)
      examples.push_back({"text " + std::to_string(i) + " of " + std::to_string(label), "l" + std::to_string(label)});
  }
  for (int i = 0; i < 7; ++i) examples.push_back({"other " + std::to_string(i), "oos"});
  return examples;
}

TEST(AssignFolds, SpreadsEveryLabelAndNeverHoldsOutAllOfOne) {
  const std::vector<LabelledText> examples = Mixed();
  for (const int num_folds : {2, 5, 10}) {
    const std::vector<int> folds = AssignFolds(examples, num_folds);
    std::map<std::string, std::vector<int>> counts;
    for (size_t i = 0; i < examples.size(); ++i) {
      ASSERT_GE(folds[i], 0);
      ASSERT_LT(folds[i], num_folds);
      auto& count = counts[examples[i].label];
      count.resize(num_folds);
      ++count[folds[i]];
    }
    for (const auto& [label, count] : counts) {
      const auto [least, most] = std::minmax_element(count.begin(), count.end());
      EXPECT_LE(*most - *least, 1) << label;
      int sum = 0;
      for (int c : count) sum += c;
      EXPECT_LT(*most, sum) << label;
    }
  }
}

TEST(AssignFolds, KeepsRepetitionsTogetherAndSinglesInTraining) {
  const std::vector<LabelledText> examples = {{"Where is it?", "a"},
                                              {"where  is IT?", "a"},
                                              {"where is it? ", "a"},
                                              {"gone", "a"},
                                              {"only one", "b"},
                                              {"ONLY one", "b"},
                                              {"x", "c"},
                                              {"y", "c"}};
  const std::vector<int> folds = AssignFolds(examples, 5);
  EXPECT_EQ(folds[0], folds[1]);
  EXPECT_EQ(folds[0], folds[2]);
  EXPECT_NE(folds[0], folds[3]);
  EXPECT_EQ(folds[4], -1);
  EXPECT_EQ(folds[5], -1);
  EXPECT_NE(folds[6], folds[7]);
}

TEST(AssignFolds, DoesNotDependOnTheOrderOfLines) {
  std::vector<LabelledText> examples = Mixed();
  std::map<std::string, int> by_text;
  const std::vector<int> folds = AssignFolds(examples, 5);
  for (size_t i = 0; i < examples.size(); ++i) by_text[examples[i].text] = folds[i];
  std::reverse(examples.begin(), examples.end());
  const std::vector<int> reversed = AssignFolds(examples, 5);
  for (size_t i = 0; i < examples.size(); ++i) EXPECT_EQ(reversed[i], by_text[examples[i].text]);
}

TEST(AssignFolds, NeverHoldsOutAHint) {
  const std::vector<LabelledText> examples = {
      {"x", "a"}, {"y", "a"}, {"a word", "a", true}, {"z", "b"}, {"b word", "b", true}};
  const std::vector<int> folds = AssignFolds(examples, 2);
  EXPECT_NE(folds[0], folds[1]);
  EXPECT_EQ(folds[2], -1);
  EXPECT_EQ(folds[3], -1);  // the hint is not another text of it
  EXPECT_EQ(folds[4], -1);
}

TEST(WordsOfName, AreThoseOfTheName) {
  EXPECT_EQ(WordsOfName("card_declined"), "card declined");
  EXPECT_EQ(WordsOfName("card-declined.now"), "card declined now");
  EXPECT_EQ(WordsOfName("bookFlight"), "book Flight");
  EXPECT_EQ(WordsOfName("IBANCheck2"), "IBANCheck2");
  EXPECT_EQ(WordsOfName("__what__"), "what");
  EXPECT_EQ(WordsOfName("überweisung_prüfen"), "überweisung prüfen");
  for (const char* nothing : {"", "17", "q2", "a_b_c_d", "x", "___"}) EXPECT_EQ(WordsOfName(nothing), "") << nothing;
}

TEST(NameHints, AreOfRoutesWithNamesThatSaySomething) {
  const std::vector<LabelledText> hints =
      NameHints(std::vector<LabelledText>{{"x", "card_declined"}, {"y", "17"}, {"z", "oos"}, {"w", "card_declined"}});
  ASSERT_EQ(hints.size(), 1u);
  EXPECT_EQ(hints[0].text, "card declined");
  EXPECT_EQ(hints[0].label, "card_declined");
  EXPECT_TRUE(hints[0].hint);
}

TEST(ExamplesSha256, TellsAHintFromAnExample) {
  const std::vector<LabelledText> said = {{"x", "a"}}, hint = {{"x", "a", true}};
  EXPECT_NE(ExamplesSha256(said), ExamplesSha256(hint));
}

}  // namespace
}  // namespace bantam
