// How well requests are told apart, on real data: pairs of CLINC150's test lines with different intents, joined in four
// ways, beside lines alone and pairs of which one half is out of scope. The head is trained on 20 lines a route, and
// what it is sure of to a half counts.
#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "base/testing.h"
#include "route/head_intent_model.h"
#include "route/requests.h"

namespace bantam {
namespace {

constexpr size_t kPerRoute = 20, kPairs = 600, kSingles = 1'500;
constexpr std::string_view kJoints[] = {" and ", ". ", " and also ", "? then "};

RouteFile Assistant(std::span<const LabelledText> train, std::span<const LabelledText> out_of_scope) {
  std::map<std::string, json::array> utterances;
  for (const LabelledText& example : train) {
    json::array& texts = utterances[example.label];
    if (texts.size() < kPerRoute) texts.emplace_back(example.text);
  }
  json::array routes, others;
  for (auto& [name, texts] : utterances) {
    routes.push_back(
        {{"name", name}, {"utterances", std::move(texts)}, {"action", {{"type", "respond"}, {"response", "r"}}}});
  }
  for (const LabelledText& example : out_of_scope) others.emplace_back(example.text);
  const json::object file = {{"version", 1},
                             {"name", "clinc"},
                             {"routes", std::move(routes)},
                             {"out_of_scope", {{"utterances", std::move(others)}}},
                             {"decision", {{"confidence_threshold", 0.5}, {"multiple", {{"max", 2}}}}},
                             {"router_settings", {{"early_exit", "off"}}},
                             {"responses", {{"r", "R"}}}};
  return ParseRouteFile(ToJson(file), "clinc.yaml").value();  // JSON is YAML
}

TEST(RequestsOfClinc150, AreToldApart) {
  BANTAM_REQUIRE_DATA(path, "intent-clinc150/clinc150_full.jsonl");
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(const auto train, ReadExamples(path, {.default_label = "", .splits = {"train"}}));
  ASSERT_OK_AND_ASSIGN(const auto oos_train, ReadExamples(path, {.default_label = "", .splits = {"oos_train"}}));
  ASSERT_OK_AND_ASSIGN(const auto test, ReadExamples(path, {.default_label = "", .splits = {"test"}}));
  ASSERT_OK_AND_ASSIGN(const auto oos, ReadExamples(path, {.default_label = "", .splits = {"oos_test"}}));
  const RouteFile file = Assistant(train, oos_train);
  ASSERT_EQ(file.routes.size(), 150u);
  ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<Embedder> loaded,
      Embedder::Load("all-MiniLM-L6-v2", {.weight_type = WeightType::kInt8, .store = model.parent_path()}));
  ASSERT_OK_AND_ASSIGN(const auto intents, LoadIntentModel(file, std::move(loaded), IntentOptions()));
  const DecisionPolicy policy(file, intents->threshold(), intents->calibration());
  const JudgeTexts judge = [&](std::span<const std::string> texts) -> Result<std::vector<Judgement>> {
    BANTAM_TRY(std::vector<Understanding> all, intents->UnderstandAll(texts, MonotonicTime::max()));
    std::vector<Judgement> judged;
    for (Understanding& each : all) judged.push_back(Judge(file, policy, std::move(each)));
    return judged;
  };
  const auto requests = [&](const std::string& text, Judgement& whole) {
    whole = judge(std::span(&text, 1)).value()[0];
    return FindRequests(file, text, whole, judge, 2).value();
  };
  // Neighbours in a fixed shuffle: the lines stand sorted by intent.
  const auto line = [](const auto& lines, size_t i) -> const LabelledText& { return lines[i * 1'237 % lines.size()]; };
  Judgement whole;

  size_t both = 0, wrong = 0, by_scores = 0, pairs = 0;
  for (size_t i = 0; pairs < kPairs; ++i) {
    const LabelledText &a = line(test, 2 * i), &b = line(test, 2 * i + 1);
    if (a.label == b.label) continue;
    const auto parts = requests(a.text + std::string(kJoints[pairs % 4]) + b.text, whole);
    ++pairs;
    const bool right = parts.size() == 2 && parts[0].route->name == a.label && parts[1].route->name == b.label;
    both += right;
    wrong += !parts.empty() && !right;
    const auto& ranking = whole.understanding.ranking;
    by_scores += (ranking[0].route == a.label && ranking[1].route == b.label) ||
                 (ranking[0].route == b.label && ranking[1].route == a.label);
  }
  size_t torn = 0, torn_oos = 0, half_oos = 0;
  for (size_t i = 0; i < kSingles; ++i) torn += !requests(line(test, i).text, whole).empty();
  for (const LabelledText& text : oos) torn_oos += !requests(text.text, whole).empty();
  for (size_t i = 0; i < kPairs; ++i)
    half_oos += !requests(line(test, i).text + " and " + line(oos, i).text, whole).empty();

  const auto share = [](size_t count, size_t of) { return static_cast<double>(count) / static_cast<double>(of); };
  RecordProperty("pairs_both_right", std::to_string(share(both, kPairs)));
  RecordProperty("pairs_taken_for_others", std::to_string(share(wrong, kPairs)));
  RecordProperty("pairs_in_the_two_best_scores", std::to_string(share(by_scores, kPairs)));
  RecordProperty("lines_torn_apart", std::to_string(share(torn, kSingles)));
  RecordProperty("out_of_scope_lines_torn_apart", std::to_string(share(torn_oos, oos.size())));
  RecordProperty("pairs_with_one_out_of_scope", std::to_string(share(half_oos, kPairs)));
  EXPECT_GE(share(both, kPairs), 0.72);
  EXPECT_LE(share(by_scores, kPairs), 0.5);
  EXPECT_LE(share(wrong, kPairs), 0.08);
  EXPECT_LE(share(torn, kSingles), 0.006);
  EXPECT_LE(share(torn_oos, oos.size()), 0.01);
  EXPECT_LE(share(half_oos, kPairs), 0.15);
}

}  // namespace
}  // namespace bantam
