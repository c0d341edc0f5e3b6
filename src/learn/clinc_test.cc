// The whole of it on real data: the default model's int8 vectors of CLINC150's 15,000 training lines, and what the head
// makes of the 4,500 + 1,000 test lines.
#include <map>

#include "base/testing.h"
#include "learn/evaluate_exits.h"

namespace bantam {
namespace {

EmbeddingMatrix Rows(const EmbeddingMatrix& all, size_t begin, size_t count) {
  const auto* first = all.values.data() + begin * all.columns;
  return {count, all.columns, {first, first + count * all.columns}};
}

TEST(Clinc150, IsClassifiedAndCalibratedAsWellAsTheReference) {
  BANTAM_REQUIRE_DATA(path, "intent-clinc150/clinc150_full.jsonl");
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(std::vector<LabelledText> examples,
                       ReadExamples(path, {.default_label = "", .splits = {"train"}}));
  ASSERT_OK_AND_ASSIGN(const auto oos, ReadExamples(path, {.default_label = "", .splits = {"oos_train"}}));
  ASSERT_OK_AND_ASSIGN(const auto test, ReadExamples(path, {.default_label = "", .splits = {"test", "oos_test"}}));
  const size_t in_scope = examples.size(), with_oos = in_scope + oos.size();
  ASSERT_EQ(in_scope, 15000u);
  ASSERT_EQ(test.size(), 5500u);
  examples.insert(examples.end(), oos.begin(), oos.end());
  std::vector<std::string> texts;
  for (const LabelledText& example : examples) texts.push_back(example.text);
  for (const LabelledText& example : test) texts.push_back(example.text);
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Load("all-MiniLM-L6-v2", {.weight_type = WeightType::kInt8}));
  ASSERT_OK_AND_ASSIGN(const HeadVectors embedded, EmbedForHead(*embedder, texts, {}, {}));
  const EmbeddingMatrix& all = embedded.vectors;
  const EmbeddingMatrix test_vectors = Rows(all, with_oos, test.size());

  for (const size_t count : {in_scope, with_oos}) {
    SCOPED_TRACE(count);
    ASSERT_OK_AND_ASSIGN(const TrainedHead trained,
                         TrainHead(std::span(examples).first(count), Rows(all, 0, count), IdentityOf(*embedder), {}));
    const Evaluation e =
        Evaluate(PredictAll(trained.head, test, test_vectors), trained.head.metadata().out_of_scope_share);
    EXPECT_GE(*e.in_scope_accuracy, 0.959);
    EXPECT_LE(*e.ece, 0.015);
    EXPECT_GE(*e.oos_auroc, 0.98);
    EXPECT_GE(*e.oos_score_auroc, 0.983);
    EXPECT_GE(*e.oos_recall, 0.88);
    EXPECT_GE(*e.oos_recall_at_fr4, 0.885);
    EXPECT_LE(*e.false_rejection, 0.06);
    EXPECT_LE(*e.ece_confidence, 0.025);
    EXPECT_GE(*e.accuracy, 0.92);
    RecordProperty("in_scope_accuracy", std::to_string(*e.in_scope_accuracy));
    RecordProperty("ece", std::to_string(*e.ece));
    RecordProperty("oos_auroc", std::to_string(*e.oos_auroc));
    RecordProperty("oos_recall_at_fr4", std::to_string(*e.oos_recall_at_fr4));
    RecordProperty("oos_f1_at_fr4", std::to_string(*e.oos_f1_at_fr4));
    RecordProperty("train_seconds", std::to_string(trained.report.train_seconds));
  }
}

// A third of the layers is spared with hardly a decision changed, on lines that are harder than those it was measured
// on.
TEST(Clinc150, IsDecidedBeforeTheLastLayerAsAfterIt) {
  BANTAM_REQUIRE_DATA(path, "intent-clinc150/clinc150_full.jsonl");
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(std::vector<LabelledText> examples,
                       ReadExamples(path, {.default_label = "", .splits = {"train", "oos_train"}}));
  const size_t count = examples.size();
  ASSERT_OK_AND_ASSIGN(const auto test, ReadExamples(path, {.default_label = "", .splits = {"test", "oos_test"}}));
  examples.insert(examples.end(), test.begin(), test.end());
  std::vector<std::string> texts;
  for (const LabelledText& example : examples) texts.push_back(example.text);
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Load("all-MiniLM-L6-v2", {.weight_type = WeightType::kInt8}));
  ASSERT_OK_AND_ASSIGN(const HeadVectors all, EmbedForHead(*embedder, texts, std::vector<int>{2, 4}, {}));
  std::vector<LayerVectors> train_layers, test_layers;
  for (const LayerVectors& layer : all.layers) {
    train_layers.push_back({layer.layer, Rows(layer.vectors, 0, count)});
    test_layers.push_back({layer.layer, Rows(layer.vectors, count, test.size())});
  }
  const EmbeddingMatrix test_vectors = Rows(all.vectors, count, test.size());
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained,
                       TrainHead(std::span(examples).first(count), Rows(all.vectors, 0, count), IdentityOf(*embedder),
                                 {}, train_layers, 6));
  const auto figures = [&](double wanted) {
    return EvaluateExits(PredictWithExits(trained.head, test, test_vectors, test_layers, wanted), wanted, 0.2);
  };
  const ExitFigures full = figures(0), early = figures(0.005);
  EXPECT_EQ(full.mean_layers, 6);
  EXPECT_LE(early.mean_layers_in_scope, 4.3);
  EXPECT_LE(early.disagreement, 0.01);
  EXPECT_GE(*early.figures.accuracy, *full.figures.accuracy - 0.002);
  EXPECT_GE(*early.figures.oos_recall, *full.figures.oos_recall - 0.01);
}

}  // namespace
}  // namespace bantam
