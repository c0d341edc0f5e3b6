// What a right file says, in every type of value; files that the format's own Python package wrote (fuzz/gguf_corpus).
#include "files/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/testing.h"
#include "files/gguf_builder.h"
#include "files/gguf_model.h"
#include "files/gguf_names.h"
#include "files/gguf_vocab.h"

namespace bantam::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

GgufMetadata Metadata(const std::string& bytes) {
  const auto header = ParseGguf({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "m.gguf");
  EXPECT_OK(header);
  return header ? GgufMetadata(header->metadata, "m.gguf") : GgufMetadata();
}

TEST(Gguf, ValuesOfEveryType) {
  GgufBuilder gguf;
  gguf.Raw("u8", 0, LittleEndian(uint8_t{200}));
  gguf.Raw("i8", 1, LittleEndian(int8_t{-3}));
  gguf.Raw("u16", 2, LittleEndian(uint16_t{60'000}));
  gguf.Raw("i16", 3, LittleEndian(int16_t{-30'000}));
  gguf.Raw("i32", 5, LittleEndian(int32_t{-7}));
  gguf.Raw("u64", 10, LittleEndian(UINT64_MAX));
  gguf.Raw("i64", 11, LittleEndian(INT64_MIN));
  gguf.Raw("f64", 12, LittleEndian(0.1));
  gguf.F32("f32", 0.5f);
  gguf.Bool("yes", 1);
  gguf.String("text", "a \u00e4");
  gguf.Strings("words", {"", "a", std::string("\0\xFF", 2)});
  gguf.Array("ints", 5, 2, LittleEndian(int32_t{4}) + LittleEndian(int32_t{-4}));
  gguf.Array("bytes", 1, 3, "abc");
  gguf.U32("llm.layers", 2);
  gguf.Array("llm.heads", 4, 2, LittleEndian(uint32_t{8}) + LittleEndian(uint32_t{2}));
  const std::string bytes = gguf.Build();
  const GgufMetadata m = Metadata(bytes);
  EXPECT_EQ(*m.Int("u8", 0, 255), 200);
  EXPECT_EQ(*m.Int("i8", -10, 0), -3);
  EXPECT_EQ(*m.Int("u16", 0, INT64_MAX), 60'000);
  EXPECT_EQ(*m.Int("i16", INT64_MIN, 0), -30'000);
  EXPECT_EQ(*m.Int("i32", -7, -7), -7);
  EXPECT_EQ(*m.Int("i64", INT64_MIN, 0), INT64_MIN);
  EXPECT_THAT(m.Int("u64", 0, INT64_MAX).error().message, HasSubstr("got 18446744073709551615 of type u64"));
  EXPECT_EQ(*m.Number("f64", 0, 1), 0.1);
  EXPECT_EQ(*m.Number("f32", 0, 1), 0.5);
  EXPECT_EQ(*m.Number("u8", 0, 255), 200);
  EXPECT_TRUE(*m.Bool("yes"));
  EXPECT_EQ(*m.String("text"), "a \u00e4");
  EXPECT_THAT(*m.Strings("words"), ElementsAre("", "a", std::string_view("\0\xFF", 2)));
  EXPECT_THAT(*m.Ints("ints"), ElementsAre(4, -4));
  EXPECT_EQ(m.Bytes("bytes")->size(), 3u);
  const GgufMetadata llm = m.Below("llm.");
  EXPECT_EQ(*llm.Int("layers", 1, 8), 2);
  EXPECT_THAT(*llm.IntPerLayer("heads", 2, 1, 8), ElementsAre(8, 2));
  EXPECT_THAT(*llm.IntPerLayer("layers", 3, 1, 8), ElementsAre(2, 2, 2));
  EXPECT_THAT(llm.IntPerLayer("heads", 3, 1, 8).error().message, HasSubstr("has 2 elements, there are 3 layers"));
  EXPECT_EQ(*llm.IntOr("none", 5, 0, 9), 5);
  EXPECT_THAT(llm.Int("none", 0, 9).error().message,
              HasSubstr("m.gguf: 'llm.none' is missing, expected an integer from 0 to 9"));
  EXPECT_THAT(m.String("u8").error().message, HasSubstr("expected a string (got 200 of type u8)"));
}

TEST(Gguf, TensorsLieWhereTheyShould) {
  GgufBuilder gguf;
  gguf.Tensor("a", {2, 3}, kGgmlF32, std::string(24, 'a'));
  gguf.Tensor("b", {32, 2}, kGgmlQ8_0, std::string(68, 'b'));
  TempFolder temp;
  std::ofstream(temp.path() / "m.gguf", std::ios::binary) << gguf.Build();
  ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open(temp.path() / "m.gguf"));
  ASSERT_EQ(file->tensors().size(), 2u);
  const GgufTensor* b = file->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->view.dtype, DType::kQ8_0);
  EXPECT_THAT(b->view.shape, ElementsAre(2, 32));
  EXPECT_EQ(b->view.bytes.size(), 68u);
  EXPECT_EQ(b->view.bytes[67], std::byte{'b'});
  EXPECT_EQ(file->Find("a")->view.bytes[0], std::byte{'a'});
  EXPECT_EQ(file->Find("c"), nullptr);
  file->Advise(GgufFile::Access::kWholeSoon);
}

TEST(Gguf, PartsAreOneModel) {
  ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open("src/files/fuzz/gguf_corpus/split-00001-of-00003.gguf"));
  EXPECT_EQ(file->paths().size(), 3u);
  ASSERT_EQ(file->tensors().size(), 3u);
  for (const GgufTensor& tensor : file->tensors()) EXPECT_EQ(file->Find(tensor.name), &tensor);
  EXPECT_NE(file->tensors().back().part, file->tensors().front().part);
}

TEST(Gguf, NamesOfTheOriginal) {
  const GgufArchitecture* bert = FindGgufArchitecture("bert", true);
  ASSERT_NE(bert, nullptr);
  EXPECT_EQ(OriginalName(*bert, "blk.11.attn_q.weight"), "encoder.layer.11.attention.self.query.weight");
  EXPECT_EQ(OriginalName(*bert, "token_embd_norm.bias"), "embeddings.LayerNorm.bias");
  for (const char* name : {"blk..attn_q.weight", "blk.1x.attn_q.weight", "blk.1.attn_z.weight", "blk.1", "token_embd",
                           "token_embd.scale", ""}) {
    EXPECT_FALSE(OriginalName(*bert, name).has_value()) << name;
  }
  EXPECT_EQ(GgufName(*bert, "encoder.layer.11.attention.self.query.weight"), "blk.11.attn_q.weight");
  EXPECT_EQ(GgufName(*bert, "classifier.out_proj.bias"), "cls.output.bias");
  for (const char* name : {"encoder.layer..attention.self.query.weight", "encoder.layer.x.attention.self.query.weight",
                           "encoder.layer.1.attention.self.query", "pooler.dense.weight", ""}) {
    EXPECT_FALSE(GgufName(*bert, name).has_value()) << name;
  }
  EXPECT_EQ(FindGgufArchitecture("bert", false)->model_type, "distilbert");
  EXPECT_EQ(FindGgufArchitecture("mamba", true), nullptr);
}

// Llama's converter puts the two values of a rotary pair side by side: HF row h * 4 + p * 2 + j lies at h * 4 + j * 2 +
// p.
TEST(Gguf, RowsOfRotaryPairsLieAsInTheOriginal) {
  GgufBuilder gguf;
  gguf.String("general.architecture", "llama");
  for (const auto& [key, value] : std::vector<std::pair<std::string, uint32_t>>{{"embedding_length", 8},
                                                                                {"block_count", 1},
                                                                                {"attention.head_count", 2},
                                                                                {"attention.head_count_kv", 1},
                                                                                {"feed_forward_length", 8},
                                                                                {"context_length", 64}}) {
    gguf.U32("llama." + key, value);
  }
  gguf.F32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  const auto floats = [](std::vector<float> values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  };
  gguf.Tensor("token_embd.weight", {1, 3}, 0, floats({0, 0, 0}));
  gguf.Tensor("blk.0.attn_q.weight", {1, 8}, 0, floats({0, 2, 1, 3, 4, 6, 5, 7}));
  gguf.Tensor("blk.0.attn_k.weight", {1, 4}, 0, floats({0, 2, 1, 3}));
  gguf.Tensor("blk.0.attn_k.bias", {4}, 0, floats({0, 2, 1, 3}));
  gguf.Tensor("blk.0.attn_v.weight", {1, 4}, 0, floats({0, 1, 2, 3}));
  TempFolder temp;
  std::ofstream(temp.path() / "m.gguf", std::ios::binary) << gguf.Build();
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(temp.path() / "m.gguf"));
  const auto read = [&](const char* name, const Shape& shape) {
    auto view = model.weights->Get(std::string("layers.0.self_attn.") + name, shape);
    EXPECT_OK(view);
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    if (view) CopyToF32(*view, values);
    return values;
  };
  EXPECT_THAT(read("q_proj.weight", {8, 1}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(read("k_proj.weight", {4, 1}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(read("k_proj.bias", {4}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(read("v_proj.weight", {4, 1}), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(ToJson(model.config),
            R"({"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,)"
            R"("num_key_value_heads":1,"intermediate_size":8,"max_position_embeddings":64,)"
            R"("rms_norm_eps":9.999999747378752e-06,"vocab_size":3,"tie_word_embeddings":true})");
}

// What a file says of stretched rotary positions becomes config.json's "rope_scaling".
TEST(Gguf, StretchedRotaryPositionsOfDecoders) {
  const auto open = [](const std::function<void(GgufBuilder&)>& more) -> Result<ModelFolder> {
    GgufBuilder gguf;
    gguf.String("general.architecture", "phi3");
    for (const char* key : {"embedding_length", "block_count", "attention.head_count", "feed_forward_length"}) {
      gguf.U32("phi3." + std::string(key), 1);
    }
    gguf.U32("phi3.context_length", 4096);
    gguf.F32("phi3.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf.Tensor("token_embd.weight", {1, 1}, kGgmlF32, std::string(4, '\0'));
    more(gguf);
    const TempFolder temp;
    std::ofstream(temp.path() / "m.gguf", std::ios::binary) << gguf.Build();
    return OpenModelFolder(temp.path() / "m.gguf");
  };
  ASSERT_OK_AND_ASSIGN(const ModelFolder linear, open([](GgufBuilder& gguf) {
                         gguf.String("phi3.rope.scaling.type", "linear");
                         gguf.F32("phi3.rope.scaling.factor", 4);
                       }));
  EXPECT_EQ(linear.config.at("rope_scaling").at("rope_type"), "linear");
  EXPECT_EQ(linear.config.at("rope_scaling").at("factor"), 4.0);
  const auto factors = [](GgufBuilder& gguf) {
    gguf.Tensor("rope_factors_short.weight", {1}, kGgmlF32, std::string(4, '\0'));
  };
  const auto refused = open(factors);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("'phi3.rope.scaling.original_context_length' is needed"));
  ASSERT_OK_AND_ASSIGN(const ModelFolder longrope, open([&](GgufBuilder& gguf) {
                         factors(gguf);
                         gguf.U32("phi3.rope.scaling.original_context_length", 128);
                         gguf.F32("phi3.rope.scaling.attn_factor", 1.25f);
                       }));
  EXPECT_EQ(longrope.config.at("max_position_embeddings"), 128);
  EXPECT_EQ(longrope.config.at("rope_magnitude"), 1.25);
}

TEST(Gguf, ModelOfAFile) {
  TempFolder temp;
  std::filesystem::create_directory(temp.path() / "tiny");
  std::ofstream(temp.path() / "tiny/model-q8.gguf", std::ios::binary) << TinyBertGguf();
  for (const Path& path : {temp.path() / "tiny", temp.path() / "tiny/model-q8.gguf"}) {
    ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(path));
    EXPECT_EQ(model.name, path.extension().empty() ? "tiny" : "model-q8");
    EXPECT_EQ(model.architecture, "bert");
    EXPECT_EQ(model.sentence.pooling, PoolingMode::kMean);
    EXPECT_TRUE(model.sentence.normalize);
    EXPECT_EQ(model.sentence.max_seq_length, 12);
    EXPECT_EQ(model.tokenizer_json, temp.path() / "tiny/model-q8.gguf");
    EXPECT_EQ(model.config.at("hidden_size").as_int64(), 8);
    EXPECT_EQ(model.config.at("vocab_size").as_int64(), 16);
    EXPECT_OK(model.weights->Get("encoder.layer.0.output.dense.weight", {8, 16}));
    EXPECT_THAT(model.weights->Get("encoder.layer.0.output.dense.weight", {8, 8}).error().message,
                HasSubstr("tensor 'blk.0.ffn_down.weight' is [8, 16], the metadata says [8, 8]"));
    EXPECT_THAT(model.weights->Leftovers(), ::testing::Contains("embeddings.LayerNorm.bias"));
    EXPECT_EQ(model.identity.Sha256()->size(), 64u);
  }
  std::ofstream(temp.path() / "tiny/other.gguf", std::ios::binary) << TinyBertGguf();
  EXPECT_THAT(OpenModelFolder(temp.path() / "tiny").error().message, HasSubstr("2 GGUF models"));
}

// The tensors say that there is a head, the labels' names are those of the file.
TEST(Gguf, AHeadBecomesConfig) {
  const auto open = [](const std::function<void(GgufBuilder&)>& more) -> Result<ModelFolder> {
    GgufBuilder gguf;
    AddTinyBert(gguf);
    more(gguf);
    const TempFolder temp;
    std::ofstream(temp.path() / "m.gguf", std::ios::binary) << gguf.Build();
    return OpenModelFolder(temp.path() / "m.gguf");
  };
  ASSERT_OK_AND_ASSIGN(const ModelFolder none, open([](GgufBuilder&) {}));
  EXPECT_FALSE(none.config.as_object().contains("architectures"));
  const auto vector = [](GgufBuilder& gguf) { gguf.Tensor("cls.output.weight", {8}, kGgmlF32, std::string(32, '\0')); };
  ASSERT_OK_AND_ASSIGN(const ModelFolder head, open([&](GgufBuilder& gguf) {
                         vector(gguf);
                         gguf.Strings("bert.classifier.output_labels", {"relevant"});
                       }));
  EXPECT_EQ(ToJson(head.config.at("architectures")), R"(["BertForSequenceClassification"])");
  EXPECT_EQ(ToJson(head.config.at("id2label")), R"({"0":"relevant"})");
  // A matrix of one row that was written as a vector is that matrix.
  EXPECT_OK(head.weights->Get("classifier.out_proj.weight", {1, 8}));
  EXPECT_THAT(head.weights->Find("classifier.out_proj.weight")->shape, ElementsAre(1, 8));
  EXPECT_THAT(head.weights->Get("classifier.out_proj.bias", {1}).error().message,
              HasSubstr("tensor 'cls.output.bias' [1] is missing"));
  const auto error = [&](const std::function<void(GgufBuilder&)>& labels) {
    const auto opened = open([&](GgufBuilder& gguf) {
      vector(gguf);
      labels(gguf);
    });
    return opened ? "" : opened.error().message;
  };
  EXPECT_THAT(error([](GgufBuilder& gguf) { gguf.Strings("bert.classifier.output_labels", {"\xFF"}); }),
              HasSubstr("element 0 is not well-formed UTF-8"));
  EXPECT_THAT(error([](GgufBuilder& gguf) { gguf.U32("bert.classifier.output_labels", 1); }),
              HasSubstr("'bert.classifier.output_labels'"));
  EXPECT_THAT(error([](GgufBuilder& gguf) {
                gguf.Strings("bert.classifier.output_labels", std::vector<std::string>(100'001));
              }),
              HasSubstr("has 100001 labels"));
}

TEST(Gguf, AnUnknownArchitectureCanBeLookedAt) {
  GgufBuilder gguf;
  gguf.String("general.architecture", "mamba");
  gguf.U32("mamba.block_count", 2);
  gguf.Array("mamba.attention.head_count", 4, 2, LittleEndian(uint32_t{8}) + LittleEndian(uint32_t{2}));
  gguf.Tensor("blk.0.attn_q.weight", {32, 2}, kGgmlQ8_0, std::string(68, 'b'));
  TempFolder temp;
  std::ofstream(temp.path() / "m.gguf", std::ios::binary) << gguf.Build();
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(temp.path() / "m.gguf"));
  EXPECT_EQ(model.architecture, "mamba");
  EXPECT_EQ(ToJson(model.config), R"({"model_type":"mamba","num_hidden_layers":2})");
  EXPECT_THAT(model.weights->Names(), ElementsAre("blk.0.attn_q.weight"));
}

TEST(Gguf, VocabularyIsTyped) {
  const std::string bytes = TinyBertGguf();
  const GgufMetadata metadata = Metadata(bytes);
  ASSERT_OK_AND_ASSIGN(const GgufVocab vocab, ReadGgufVocab(metadata));
  EXPECT_EQ(vocab.model, "bert");
  EXPECT_EQ(vocab.tokens.size(), 16u);
  EXPECT_EQ(vocab.types[0], GgufVocab::TokenType::kControl);
  EXPECT_EQ(vocab.types[4], GgufVocab::TokenType::kNormal);
  EXPECT_EQ(vocab.separator, 3);
  EXPECT_EQ(vocab.bos, -1);
  EXPECT_FALSE(vocab.add_bos.has_value());
}

}  // namespace
}  // namespace bantam::testing
