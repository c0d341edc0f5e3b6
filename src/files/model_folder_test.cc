#include "files/model_folder.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "files/model_store.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

TEST(ModelFolder, OpensTheDefaultModel) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModel("all-MiniLM-L6-v2:latest"));
  EXPECT_EQ(model.name, "all-MiniLM-L6-v2");
  EXPECT_EQ(model.architecture, "bert");
  EXPECT_EQ(model.sentence.max_seq_length, 256);
  EXPECT_EQ(model.sentence.pooling, PoolingMode::kMean);
  EXPECT_TRUE(model.sentence.normalize);
  EXPECT_EQ(*model.identity.Sha256(), "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
  EXPECT_EQ(model.packed_folder, folder / "packed");
  EXPECT_EQ(model.weights->Names().size(), 104u);
  ASSERT_OK_AND_ASSIGN(const TensorView view, model.weights->Get("pooler.dense.weight", {384, 384}));
  EXPECT_EQ(view.bytes.size(), 384u * 384 * 4);
  EXPECT_EQ(model.weights->Leftovers().size(), 103u);
  EXPECT_NE(model.weights->Get("pooler.dense.weight", {384, 385})
                .error()
                .message.find("is [384, 384], config.json says [384, 385]"),
            std::string::npos);
  EXPECT_NE(model.weights->Get("bert.pooler.dense.weight", {384, 384})
                .error()
                .message.find("such as \"pooler.dense.weight\""),
            std::string::npos);

  // By path nobody vouches for the hash: it is computed, and nothing is written beside the files.
  ASSERT_OK_AND_ASSIGN(ModelFolder by_path, OpenModelFolder(folder));
  EXPECT_FALSE(by_path.identity.known());
  EXPECT_EQ(*by_path.identity.Sha256(), *model.identity.Sha256());
  EXPECT_TRUE(by_path.packed_folder.empty());
}

// A folder of sentence-transformers whose one module is a table, with its weights in a folder of their own or beside
// it.
class StaticFolder : public ::testing::Test {
 protected:
  void Write(const std::string& modules, const std::string& weights) {
    ASSERT_OK(WriteFileAtomic(folder_ / "modules.json", modules));
    std::filesystem::create_directories((folder_ / weights).parent_path());
    const std::vector<float> values(6);
    const TensorView view{DType::kF32, {3, 2}, std::as_bytes(std::span(values))};
    ASSERT_OK(WriteFileAtomic(folder_ / weights, SerializeSafetensors({{"embedding.weight", view}}, {})));
  }
  static constexpr const char* kType = R"("type": "sentence_transformers.models.)";
  testing::TempFolder folder_;
};

TEST_F(StaticFolder, NeedsNoConfig) {
  Write(std::string(R"([{"path": "0_StaticEmbedding", )") + kType + R"(StaticEmbedding"}])",
        "0_StaticEmbedding/model.safetensors");
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(folder_.path()));
  EXPECT_EQ(model.architecture, "static_embedding");
  EXPECT_FALSE(model.sentence.add_special_tokens);
  EXPECT_FALSE(model.sentence.normalize);
  EXPECT_TRUE(model.weights->Has("embedding.weight"));
}

TEST_F(StaticFolder, MayNormalizeButNotPool) {
  const std::string table = std::string(R"([{"path": ".", )") + kType + R"(StaticEmbedding"}, {"path": "1", )" + kType;
  Write(table + R"(Normalize"}])", "model.safetensors");
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(folder_.path()));
  EXPECT_TRUE(model.sentence.normalize);
  Write(table + R"(Pooling"}])", "model.safetensors");
  const auto refused = OpenModelFolder(folder_.path());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("Pooling"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace bantam
