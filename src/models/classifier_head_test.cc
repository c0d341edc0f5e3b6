#include "models/classifier_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing.h"
#include "files/gguf_builder.h"
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

// A BERT of 8 hidden values in a GGUF file, with a head of these tensors, by their dimensions as the file has them.
class ClassifierHeadGguf : public ::testing::Test {
 protected:
  using Tensors = std::vector<std::pair<std::string, std::vector<uint64_t>>>;
  Result<std::unique_ptr<ClassifierHead>> Load(const Tensors& tensors, const std::vector<std::string>& labels = {},
                                               uint32_t type = testing::kGgmlF32) {
    testing::GgufBuilder gguf;
    testing::AddTinyBert(gguf);
    if (!labels.empty()) gguf.Strings("bert.classifier.output_labels", labels);
    for (const auto& [name, dims] : tensors) {
      uint64_t count = 1;
      for (const uint64_t dim : dims) count *= dim;
      gguf.Tensor(name, dims, type, std::string(count * (type == testing::kGgmlF16 ? 2 : 4), '\0'));
    }
    std::ofstream(folder_ / "m.gguf", std::ios::binary) << gguf.Build();
    BANTAM_TRY(ModelFolder model, OpenModelFolder(folder_ / "m.gguf"));
    return ClassifierHead::Load(model);
  }
  std::string Error(const Tensors& tensors, const std::vector<std::string>& labels = {},
                    uint32_t type = testing::kGgmlF32) {
    const auto head = Load(tensors, labels, type);
    return head ? "" : head.error().message;
  }
  const Tensors whole_ = {
      {"cls.weight", {8, 8}}, {"cls.bias", {8}}, {"cls.output.weight", {8, 2}}, {"cls.output.bias", {2}}};
  testing::TempFolder folder_;
};

TEST_F(ClassifierHeadGguf, LoadsByItsTensors) {
  ASSERT_OK_AND_ASSIGN(auto head, Load({}));
  EXPECT_EQ(head, nullptr);
  ASSERT_OK_AND_ASSIGN(head, Load(whole_, {"no", "yes"}));
  EXPECT_THAT(head->labels(), ::testing::ElementsAre("no", "yes"));
  EXPECT_EQ(head->kind(), ClassifierHead::Kind::kSequence);
  EXPECT_EQ(head->problem(), ClassifierHead::Problem::kNotTold);
  ASSERT_OK_AND_ASSIGN(head, Load(whole_));
  EXPECT_THAT(head->labels(), ::testing::ElementsAre("LABEL_0", "LABEL_1"));
  Tensors one = whole_;
  one[2].second = {8};
  one[3].second = {1};
  ASSERT_OK_AND_ASSIGN(head, Load(one, {"score"}));
  EXPECT_EQ(head->num_labels(), 1);
}

TEST_F(ClassifierHeadGguf, WhatDoesNotFitIsNamed) {
  using ::testing::HasSubstr;
  const auto without = [&](size_t index) {
    Tensors some = whole_;
    some.erase(some.begin() + static_cast<ptrdiff_t>(index));
    return Error(some);
  };
  EXPECT_THAT(without(0), HasSubstr("tensor 'cls.weight' is missing"));
  EXPECT_THAT(without(0), HasSubstr("leaves a BERT's pooler out"));
  EXPECT_THAT(without(1), HasSubstr("tensor 'cls.bias' [8] is missing"));
  EXPECT_THAT(without(2), HasSubstr("tensor 'cls.output.weight' is missing: 'cls.weight' [8, 8] alone"));
  EXPECT_THAT(without(3), HasSubstr("tensor 'cls.output.bias' [2] is missing"));
  const auto with = [&](size_t index, const std::vector<uint64_t>& dims) {
    Tensors changed = whole_;
    changed[index].second = dims;
    return Error(changed);
  };
  EXPECT_THAT(with(0, {8, 3}), HasSubstr("tensor 'cls.weight' is [3, 8], the metadata says [8, 8]"));
  EXPECT_THAT(with(1, {3}), HasSubstr("tensor 'cls.bias' is [3], the metadata says [8]"));
  EXPECT_THAT(with(2, {4, 2}), HasSubstr("tensor 'cls.output.weight' is [2, 4], the metadata says [2, 8]"));
  EXPECT_THAT(with(3, {3}), HasSubstr("tensor 'cls.output.bias' is [3], the metadata says [2]"));
  EXPECT_THAT(Error(whole_, {"one"}), HasSubstr("'bert.classifier.output_labels' at byte"));
  EXPECT_THAT(Error(whole_, {"one"}), HasSubstr("names 1 labels, tensor 'cls.output.weight' [2, 8] has 2"));
  constexpr uint32_t kGgmlI32 = 26;
  EXPECT_THAT(Error(whole_, {}, kGgmlI32), HasSubstr("is I32, expected F32"));
}

}  // namespace
}  // namespace bantam
