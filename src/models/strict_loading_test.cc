// Every architecture refuses a checkpoint with a tensor missing, misshapen or left over, and names the tensor. The
// checkpoints are the golden ones, each with one thing changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "files/safetensors.h"
#include "models/encoder.h"

namespace bantam {
namespace {

const Path kGolden = "src/models/golden";

// Those in one file; what is sharded comes in the same architectures.
std::vector<std::string> SingleFileModels() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (std::filesystem::exists(entry.path() / "model.safetensors")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What an encoder can do without.
bool IsHead(std::string_view name) {
  for (const std::string_view part :
       {"pooler.", "classifier.", "pre_classifier.", "cls.", "lm_head.", "vocab_", "discriminator_predictions.",
        "predictions.", "head.", "decoder.", "position_ids", "score.", "lm_predictions.", "qa_outputs.",
        "generator_lm_head.", "generator_predictions."}) {
    if (name.starts_with(part) || name.find("." + std::string(part)) != std::string_view::npos) return true;
  }
  return false;
}

class StrictLoading : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::filesystem::copy(kGolden / GetParam(), folder_.path(), std::filesystem::copy_options::recursive);
    ASSERT_OK_AND_ASSIGN(file_, SafetensorsFile::Open(kGolden / GetParam() / "model.safetensors"));
    tensors_.insert(file_->tensors().begin(), file_->tensors().end());
  }

  // "" when it loads.
  std::string ErrorWith(const std::map<std::string, TensorView>& tensors) {
    EXPECT_OK(WriteFileAtomic(folder_ / "model.safetensors", SerializeSafetensors(tensors, {})));
    auto model = OpenModelFolder(folder_.path());
    if (!model) return model.error().message;
    auto encoder = LoadEncoder(*model, {.use_packed_files = false});
    return encoder ? "" : encoder.error().message;
  }

  testing::TempFolder folder_;
  std::unique_ptr<SafetensorsFile> file_;
  std::map<std::string, TensorView> tensors_;
};

TEST_P(StrictLoading, AMissingTensorIsNamed) {
  ASSERT_EQ(ErrorWith(tensors_), "");
  for (const auto& [name, view] : tensors_) {
    auto without = tensors_;
    without.erase(name);
    // Without its word table a checkpoint shows no prefix, so the name is only the end of what is missing.
    const bool is_words = name.find("word_embeddings") != std::string::npos;
    const bool finds_prefix = is_words || name.find("tok_embeddings") != std::string::npos ||
                              name.find("embed_tokens") != std::string::npos ||
                              name.find("emb_ln") != std::string::npos;
    const std::string error = ErrorWith(without);
    if (IsHead(name)) {
      EXPECT_EQ(error, "") << name;
    } else if (!finds_prefix) {
      EXPECT_THAT(error, ::testing::HasSubstr(name)) << name;
    } else {
      EXPECT_NE(error, "") << name;
    }
  }
}

TEST_P(StrictLoading, AMisshapenTensorIsNamed) {
  for (const auto& [name, view] : tensors_) {
    if (IsHead(name)) continue;
    auto changed = tensors_;
    Shape& shape = changed.at(name).shape;
    shape.insert(shape.begin(), 1);
    EXPECT_THAT(ErrorWith(changed), ::testing::HasSubstr(name)) << name;
  }
}

TEST_P(StrictLoading, ALeftOverTensorIsNamed) {
  auto more = tensors_;
  more["encoder.stray.weight"] = tensors_.begin()->second;
  EXPECT_THAT(ErrorWith(more),
              ::testing::AllOf(::testing::HasSubstr("\"encoder.stray.weight\""), ::testing::HasSubstr("no part of a")));
}

INSTANTIATE_TEST_SUITE_P(Models, StrictLoading, ::testing::ValuesIn(SingleFileModels()),
                         [](const auto& test) { return test.param; });

TEST(StrictLoading, UnknownArchitecturesListTheKnownOnes) {
  testing::TempFolder folder;
  std::filesystem::copy(kGolden / "bert", folder.path(), std::filesystem::copy_options::recursive);
  ASSERT_OK(WriteFileAtomic(folder / "config.json", "{\"model_type\": \"mamba\"}"));
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(folder.path()));
  const auto encoder = LoadEncoder(model, {.use_packed_files = false});
  ASSERT_FALSE(encoder.has_value());
  EXPECT_EQ(encoder.error().code, ErrorCode::kUnsupported);
  for (const char* known : {"bert", "distilbert", "roberta", "camembert", "xlm-roberta", "electra", "albert", "mpnet",
                            "mobilebert", "deberta-v2", "modernbert", "nomic_bert", "qwen3", "model2vec"}) {
    EXPECT_THAT(encoder.error().message, ::testing::HasSubstr(known));
  }
}

}  // namespace
}  // namespace bantam
