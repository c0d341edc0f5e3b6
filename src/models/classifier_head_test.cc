#include "models/classifier_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

const Path kGolden = "src/models/golden";

class ClassifierHeadGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(ClassifierHeadGolden, LogitsEqualTheReference) {
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(kGolden / GetParam() / "reference.safetensors"));
  const auto hidden = testing::TensorValues<float>(*file, "hidden"),
             expected = testing::TensorValues<float>(*file, "logits");
  const auto borders = testing::TensorValues<int32_t>(*file, "cu_seqlens");
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(kGolden / GetParam()));
  ASSERT_OK_AND_ASSIGN(const auto head, ClassifierHead::Load(model));
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->labels().front(), head->kind() == ClassifierHead::Kind::kSpans ? "start" : "LABEL_0");
  const size_t width = hidden.size() / static_cast<size_t>(borders.back());
  std::vector<float> logits;
  for (size_t s = 0; s + 1 < borders.size(); ++s) {
    const auto rows = static_cast<size_t>(borders[s + 1] - borders[s]);
    const std::vector<float> one = head->Logits(std::span(hidden).subspan(borders[s] * width, rows * width));
    const bool tokens = head->kind() != ClassifierHead::Kind::kSequence;
    EXPECT_EQ(one.size(), (tokens ? rows : 1) * static_cast<size_t>(head->num_labels()));
    logits.insert(logits.end(), one.begin(), one.end());
  }
  ASSERT_EQ(logits.size(), expected.size());
  EXPECT_LE(testing::MaxAbsDifference(logits, expected), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Models, ClassifierHeadGolden, ::testing::ValuesIn(testing::GoldenFoldersWith("logits")),
                         [](const auto& test) { return test.param; });

// A golden checkpoint with something in its config changed.
class ClassifierHeadChanged : public ::testing::Test {
 protected:
  Result<std::unique_ptr<ClassifierHead>> Load(const std::string& name,
                                               const std::function<void(json::object&)>& change) {
    std::filesystem::remove_all(folder_ / "model");
    std::filesystem::copy(kGolden / name, folder_ / "model", std::filesystem::copy_options::recursive);
    BANTAM_TRY(const std::string text, ReadFile(folder_ / "model/config.json"));
    BANTAM_TRY(json::value config, ParseJson(text, "config.json"));
    change(config.as_object());
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder_ / "model/config.json", ToJson(config)));
    BANTAM_TRY(ModelFolder model, OpenModelFolder(folder_ / "model"));
    return ClassifierHead::Load(model);
  }
  testing::TempFolder folder_;
};

TEST_F(ClassifierHeadChanged, LabelsAndProblemComeFromTheConfig) {
  ASSERT_OK_AND_ASSIGN(const auto head, Load("distilbert_classes", [](json::object& config) {
                         config["id2label"] = json::object{{"0", "NEGATIVE"}, {"1", "POSITIVE"}};
                         config["problem_type"] = "multi_label_classification";
                       }));
  EXPECT_THAT(head->labels(), ::testing::ElementsAre("NEGATIVE", "POSITIVE"));
  EXPECT_TRUE(head->multi_label());
  EXPECT_EQ(head->kind(), ClassifierHead::Kind::kSequence);
}

TEST_F(ClassifierHeadChanged, AnEncoderHasNone) {
  ASSERT_OK_AND_ASSIGN(const auto head, Load("roberta", [](json::object&) {}));
  EXPECT_EQ(head, nullptr);
}

TEST_F(ClassifierHeadChanged, RefusalsNameWhatDoesNotFit) {
  const auto error = [&](const std::string& name, const std::function<void(json::object&)>& change) {
    const auto head = Load(name, change);
    return head ? "" : head.error().message;
  };
  EXPECT_THAT(
      error("distilbert_classes", [](json::object& config) { config["id2label"] = json::object{{"0", "ONE"}}; }),
      ::testing::HasSubstr("\"id2label\" has 1 labels, the classifier's weights 2"));
  EXPECT_THAT(
      error("roberta",
            [](json::object& config) { config["architectures"] = json::array{"RobertaForTokenClassification"}; }),
      ::testing::HasSubstr("\"classifier.weight\""));
  EXPECT_THAT(error("deberta_v3", [](json::object& config) { config["pooler_hidden_act"] = "mish"; }),
              ::testing::HasSubstr("\"pooler_hidden_act\" is \"mish\""));
  EXPECT_THAT(error("modernbert", [](json::object& config) { config["classifier_pooling"] = "max"; }),
              ::testing::HasSubstr("\"classifier_pooling\" is \"max\"; known: cls, mean"));
}

}  // namespace
}  // namespace bantam
