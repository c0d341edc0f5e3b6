#include "models/masked_lm_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

const Path kGolden = "src/models/golden";

class MaskedLmGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(MaskedLmGolden, LogitsEqualTheReference) {
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(kGolden / GetParam() / "reference.safetensors"));
  const auto hidden = testing::TensorValues<float>(*file, "hidden"),
             expected = testing::TensorValues<float>(*file, "lm_logits");
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(kGolden / GetParam()));
    EXPECT_TRUE(MaskedLmHead::Names(model));
    ASSERT_OK_AND_ASSIGN(const auto head, MaskedLmHead::Load(model, type));
    ASSERT_NE(head, nullptr);
    const size_t rows = hidden.size() / static_cast<size_t>(head->hidden_size());
    std::vector<float> logits(rows * static_cast<size_t>(head->vocab_size()));
    ASSERT_EQ(logits.size(), expected.size());
    head->Logits(hidden, logits);
    if (type == WeightType::kF32) {
      EXPECT_LE(testing::MaxAbsDifference(logits, expected), 1e-4);
    } else {
      EXPECT_GE(testing::Cosine(logits, expected), 0.999);
    }
    // A row has the same logits alone.
    const auto width = static_cast<size_t>(head->hidden_size()), vocab = static_cast<size_t>(head->vocab_size());
    std::vector<float> alone(vocab);
    head->Logits(std::span(hidden).subspan(7 * width, width), alone);
    EXPECT_LE(testing::MaxAbsDifference(alone, std::span(logits).subspan(7 * vocab, vocab)), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MaskedLmGolden, ::testing::ValuesIn(testing::GoldenFoldersWith("lm_logits")),
                         [](const auto& test) { return test.param; });

// A golden checkpoint with something in its config changed.
class MaskedLmChanged : public ::testing::Test {
 protected:
  Result<std::unique_ptr<MaskedLmHead>> Load(const std::string& name,
                                             const std::function<void(json::object&)>& change) {
    std::filesystem::remove_all(folder_ / "model");
    std::filesystem::copy(kGolden / name, folder_ / "model", std::filesystem::copy_options::recursive);
    BANTAM_TRY(const std::string text, ReadFile(folder_ / "model/config.json"));
    BANTAM_TRY(json::value config, ParseJson(text, "config.json"));
    change(config.as_object());
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder_ / "model/config.json", ToJson(config)));
    BANTAM_TRY(ModelFolder model, OpenModelFolder(folder_ / "model"));
    return MaskedLmHead::Load(model, WeightType::kF32);
  }
  testing::TempFolder folder_;
};

TEST_F(MaskedLmChanged, OthersHaveNone) {
  for (const std::string name : {"roberta", "bert_classes", "electra_wide"}) {
    ASSERT_OK_AND_ASSIGN(const auto head, Load(name, [](json::object&) {}));
    EXPECT_EQ(head, nullptr) << name;
  }
}

TEST_F(MaskedLmChanged, RefusalsNameWhatDoesNotFit) {
  const auto error = [&](const std::string& name, const std::function<void(json::object&)>& change) {
    const auto head = Load(name, change);
    return head ? "" : head.error().message;
  };
  EXPECT_THAT(error("albert_groups", [](json::object& config) { config["vocab_size"] = 100; }),
              ::testing::HasSubstr("\"albert.embeddings.word_embeddings.weight\" is [99, 34]"));
  EXPECT_THAT(error("albert_groups", [](json::object& config) { config["embedding_size"] = 33; }),
              ::testing::HasSubstr("\"predictions.dense.weight\""));
  EXPECT_THAT(
      error("roberta", [](json::object& config) { config["architectures"] = json::array{"RobertaForMaskedLM"}; }),
      ::testing::HasSubstr("\"lm_head.dense.weight\""));
  EXPECT_THAT(error("qwen3", [](json::object& config) { config["architectures"] = json::array{"Qwen3ForMaskedLM"}; }),
              ::testing::HasSubstr("a head that is not known for \"qwen3\""));
  EXPECT_THAT(error("albert_groups", [](json::object& config) { config["hidden_act"] = "mish"; }),
              ::testing::HasSubstr("\"hidden_act\" is \"mish\""));
}

}  // namespace
}  // namespace bantam
