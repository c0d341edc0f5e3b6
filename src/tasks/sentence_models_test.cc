// Every pooling, module and prompt against sentence-transformers on tiny models (golden/make_sentence_models.py), and
// what is said of folders that are wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/json.h"
#include "base/testing.h"
#include "files/safetensors.h"
#include "tasks/embed.h"
#include "tasks/vector_types.h"

namespace bantam {
namespace {

const Path kGolden = "src/tasks/golden/sentence";

std::vector<std::string> CaseNames(std::string_view group = "cases") {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden / group, missing)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

json::value ReadJson(const Path& path) {
  auto text = ReadFile(path);
  EXPECT_OK(text);
  auto document = ParseJson(*text, path.string());
  EXPECT_OK(document);
  return *document;
}

std::vector<std::string> Texts() {
  std::vector<std::string> texts;
  const json::value document = ReadJson(kGolden / "texts.json");
  for (const json::value& text : document.as_array()) texts.emplace_back(text.as_string());
  return texts;
}

// The case's model, as one folder.
void Assemble(const std::string& name, const Path& folder, std::string_view group = "cases") {
  const Path of_case = kGolden / group / name;
  const std::string over(ReadJson(of_case / "reference.json").at("over").as_string());
  constexpr auto kOptions =
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy(kGolden / over, folder, kOptions);
  std::filesystem::copy(of_case, folder, kOptions);
}

std::unique_ptr<Embedder> Load(const Path& folder, std::shared_ptr<EmbeddingCache> cache = nullptr) {
  auto embedder = Embedder::Load(
      folder.string(), {.weight_type = WeightType::kF32, .num_threads = 1, .engine = {}, .cache = std::move(cache)});
  EXPECT_OK(embedder);
  return embedder ? *std::move(embedder) : nullptr;
}

PromptChoice ChoiceOf(const json::object& call) {
  PromptChoice choice;
  if (const json::value* name = call.if_contains("prompt_name")) choice.name = std::string(name->as_string());
  if (const json::value* prompt = call.if_contains("prompt")) choice.text = std::string(prompt->as_string());
  const std::string_view method = call.at("method").as_string();
  if (method == "encode_query") choice.role = PromptChoice::Role::kQuery;
  if (method == "encode_document") choice.role = PromptChoice::Role::kDocument;
  return choice;
}

template <typename T>
std::vector<T> Values(const SafetensorsFile& file, std::string_view name) {
  const TensorView* view = file.Find(name);
  EXPECT_NE(view, nullptr) << name;
  std::vector<T> values(view == nullptr ? 0 : view->bytes.size() / sizeof(T));
  if (view != nullptr) std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

class SentenceModel : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Golden, SentenceModel, ::testing::ValuesIn(CaseNames()),
                         [](const auto& named) { return named.param; });

TEST_P(SentenceModel, SameAsTheReference) {
  testing::TempFolder folder;
  Assemble(GetParam(), folder.path());
  const auto embedder = Load(folder.path(), std::make_shared<EmbeddingCache>(1 << 20));
  ASSERT_NE(embedder, nullptr);
  const std::vector<std::string> texts = Texts();
  ASSERT_OK_AND_ASSIGN(const auto reference,
                       SafetensorsFile::Open(kGolden / "cases" / GetParam() / "reference.safetensors"));
  const json::value described = ReadJson(kGolden / "cases" / GetParam() / "reference.json");
  for (const auto& call : described.at("calls").as_object()) {
    SCOPED_TRACE(std::string(call.key()));
    const std::vector<float> expected = Values<float>(*reference, call.key());
    const auto columns = static_cast<size_t>(embedder->dimensions());
    ASSERT_EQ(expected.size(), texts.size() * columns);
    ASSERT_OK_AND_ASSIGN(const TextPrompt prompt, embedder->ResolvePrompt(ChoiceOf(call.value().as_object()), true));
    EmbedCall options;
    options.prompt = &prompt;
    ASSERT_OK_AND_ASSIGN(const EmbeddedTexts together, embedder->EmbedTexts(texts, options));
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(expected[i] - together.vectors.values[i])));
    }
    EXPECT_LE(worst, 1e-5);
    // The second time from the cache, and alone: the same bits.
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_OK_AND_ASSIGN(const Embedding alone, embedder->Embed(texts[i], options));
      EXPECT_EQ(std::memcmp(alone.vector.data(), together.vectors.row(i).data(), columns * sizeof(float)), 0) << i;
    }
  }
}

TEST_P(SentenceModel, TheSameBitsAloneInABatchAndOffline) {
  testing::TempFolder folder;
  Assemble(GetParam(), folder.path());
  const auto embedder = Load(folder.path());
  ASSERT_NE(embedder, nullptr);
  const std::vector<std::string> texts = Texts();
  ASSERT_OK_AND_ASSIGN(const EmbeddedTexts together, embedder->EmbedTexts(texts));
  ASSERT_OK_AND_ASSIGN(const EmbeddingMatrix offline, embedder->EmbedAll(texts, {}));
  EXPECT_EQ(together.vectors.values, offline.values);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const Embedding alone, embedder->Embed(texts[i]));
    const std::span<const float> row = together.vectors.row(i);
    EXPECT_EQ(alone.vector, std::vector<float>(row.begin(), row.end())) << texts[i];
  }
}

class MultiVectorModel : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Golden, MultiVectorModel, ::testing::ValuesIn(CaseNames("multi")),
                         [](const auto& named) { return named.param; });

TEST_P(MultiVectorModel, SameAsTheReference) {
  testing::TempFolder folder;
  Assemble(GetParam(), folder.path(), "multi");
  const auto embedder = Load(folder.path());
  ASSERT_NE(embedder, nullptr);
  const std::vector<std::string> texts = Texts();
  ASSERT_OK_AND_ASSIGN(const auto reference,
                       SafetensorsFile::Open(kGolden / "multi" / GetParam() / "reference.safetensors"));
  const json::value described = ReadJson(kGolden / "multi" / GetParam() / "reference.json");
  for (const auto& call : described.at("calls").as_object()) {
    SCOPED_TRACE(std::string(call.key()));
    const std::vector<float> expected = Values<float>(*reference, std::string(call.key()) + ".rows");
    const std::vector<int32_t> counts = Values<int32_t>(*reference, std::string(call.key()) + ".counts");
    const PromptChoice::Role role = ChoiceOf(call.value().as_object()).role;
    ASSERT_OK_AND_ASSIGN(const TokenVectors vectors, embedder->EmbedTokens(texts, role));
    ASSERT_EQ(counts.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(vectors.texts[i].token_ids.size(), static_cast<size_t>(counts[i])) << texts[i];
    }
    ASSERT_EQ(vectors.values.size(), expected.size());
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(expected[i] - vectors.values[i])));
    }
    EXPECT_LE(worst, 1e-5);
    for (size_t i = 0; i < texts.size(); ++i) {  // alone: the same bits
      ASSERT_OK_AND_ASSIGN(const TokenVectors alone, embedder->EmbedTokens({&texts[i], 1}, role));
      const std::span<const float> together = vectors.rows(i);
      EXPECT_EQ(alone.values, std::vector<float>(together.begin(), together.end())) << texts[i];
    }
  }
  const auto refused = embedder->Embed("one vector, please");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("a vector for each token"), std::string::npos);
}

TEST(SentenceModels, SmallerFormsAreTheReferences) {
  ASSERT_OK_AND_ASSIGN(const auto file,
                       SafetensorsFile::Open(kGolden / "cases" / "mean_normalized" / "reference.safetensors"));
  const std::vector<float> vectors = Values<float>(*file, "plain"), given = Values<float>(*file, "ranges");
  const size_t columns = given.size() / 2;
  const ValueRanges own = RangesOf(vectors, columns);
  const ValueRanges ranges{{given.begin(), given.begin() + static_cast<ptrdiff_t>(columns)},
                           {given.begin() + static_cast<ptrdiff_t>(columns), given.end()}};
  const auto check = [&](VectorType type, const ValueRanges& by, std::string_view name) {
    std::string bytes;
    for (size_t at = 0; at < vectors.size(); at += columns) {
      AppendVector(std::span(vectors).subspan(at, columns), type, &by, bytes);
    }
    const std::vector<char> expected = Values<char>(*file, name);
    EXPECT_EQ(bytes, std::string(expected.begin(), expected.end())) << name;
    EXPECT_EQ(bytes.size(), vectors.size() / columns * BytesOf(type, columns));
  };
  check(VectorType::kInt8, own, "int8");
  check(VectorType::kUint8, own, "uint8");
  check(VectorType::kInt8, ranges, "int8_by_ranges");
  check(VectorType::kUint8, ranges, "uint8_by_ranges");
  check(VectorType::kBinary, own, "binary");
  check(VectorType::kUbinary, own, "ubinary");
}

TEST(SentenceModels, BitsOfAnIncompleteByteAreZero) {
  const std::vector<float> vector = {1, -1, 0, 2, -0.5f, 1, 1, 1, 3, -3};
  std::string bytes;
  AppendVector(vector, VectorType::kUbinary, nullptr, bytes);
  EXPECT_EQ(bytes, "\x97\x80");  // numpy.packbits([1,0,0,1,0,1,1,1,1,0])
}

TEST(SentenceModels, ACutVectorHasLengthOneAgain) {
  std::vector<float> vector = {3, 4, 12};
  CutVector(vector, 3);
  EXPECT_EQ(vector, (std::vector<float>{3, 4, 12}));
  CutVector(vector, 2);
  EXPECT_EQ(vector, (std::vector<float>{0.6f, 0.8f}));
}

TEST(SentenceModels, AnUnknownPromptListsTheKnownOnes) {
  testing::TempFolder folder;
  Assemble("prompts", folder.path());
  const auto embedder = Load(folder.path());
  const auto refused = embedder->ResolvePrompt({.name = "no such"}, true);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("no such"), std::string::npos);
  EXPECT_NE(refused.error().message.find("passage"), std::string::npos) << refused.error().message;
}

TEST(SentenceModels, TruncationIsReportedOrRefused) {
  testing::TempFolder folder;
  Assemble("pool_mean", folder.path());
  const auto embedder = Load(folder.path());
  std::string text;
  for (int i = 0; i < 100; ++i) text += "cat ";
  ASSERT_OK_AND_ASSIGN(const Embedding cut, embedder->Embed(text));
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.num_tokens, 40u);
  EXPECT_EQ(cut.text_tokens, 102u);
  EmbedCall strict;
  strict.truncate = false;
  const std::vector<std::string> texts = {"cat", text};
  const auto refused = embedder->EmbedTexts(texts, strict);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("text 2 has 102 tokens"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("reads 40"), std::string::npos) << refused.error().message;
}

// The same tokens with and without a prompt in them must not share an entry where the prompt is not pooled.
TEST(SentenceModels, TheCacheKnowsWhatIsNotPooled) {
  testing::TempFolder folder;
  Assemble("prompt_not_pooled_mean", folder.path());
  const auto embedder = Load(folder.path(), std::make_shared<EmbeddingCache>(1 << 20));
  ASSERT_OK_AND_ASSIGN(const TextPrompt query, embedder->ResolvePrompt({.name = "query"}, true));
  EXPECT_EQ(query.skip_tokens, 3u);  // [CLS] query :
  EmbedCall prompted;
  prompted.prompt = &query;
  ASSERT_OK_AND_ASSIGN(const Embedding whole, embedder->Embed("query: the cat"));
  ASSERT_OK_AND_ASSIGN(const Embedding part, embedder->Embed("the cat", prompted));
  EXPECT_NE(whole.vector, part.vector);
  EXPECT_EQ(whole.num_tokens, part.num_tokens);
}

TEST(SentenceModels, ModulesAreAPartOfWhatAHeadIsMadeFor) {
  std::set<std::string> seen;
  for (const std::string& name : CaseNames()) {
    if (name.starts_with("static")) continue;
    testing::TempFolder folder;
    Assemble(name, folder.path());
    const auto embedder = Load(folder.path());
    const SentenceConfig& sentence = embedder->sentence();
    if (sentence.needs_head() || !sentence.prompts.default_name.empty()) {
      EXPECT_TRUE(seen.insert(embedder->weights_sha256()).second) << name;
    }
  }
}

struct Wrong {
  const char* name;
  const char* over;  // the case that is broken
  std::string file;
  std::string text;  // what the file says instead; "" removes it
  std::vector<std::string> parts;
};

std::string DenseConfig(std::string_view in, std::string_view out, std::string_view activation) {
  return fmt::format(R"({{"in_features": {}, "out_features": {}, "bias": true, "activation_function": "{}"}})", in, out,
                     activation);
}

std::string Modules(std::string_view rest) {
  return fmt::format(R"([{{"path": "", "type": "sentence_transformers.models.Transformer"}}{}])", rest);
}

std::vector<Wrong> WrongFolders() {
  const std::string tanh = "torch.nn.modules.activation.Tanh", type = R"("type": "sentence_transformers.models.)";
  const std::string dense = "2_Dense/config.json", pooling = "1_Pooling/config.json",
                    extras = "config_sentence_transformers.json";
  std::string many;
  for (int i = 0; i < 16; ++i) many += R"(, {"path": "", )" + type + R"(Normalize"})";
  return {
      {"in_features", "dense_tanh", dense, DenseConfig("31", "70", tanh), {"in_features", "31", "32 wide"}},
      {"out_features", "dense_tanh", dense, DenseConfig("32", "71", tanh), {"linear.weight", "[71, 32]"}},
      {"no_size", "dense_tanh", dense, R"({"in_features": 32})", {"out_features", "is missing"}},
      {"size_zero", "dense_tanh", dense, DenseConfig("0", "70", tanh), {"in_features", "from 1 to 16384"}},
      {"size_huge", "dense_tanh", dense, DenseConfig("32", "1000000000", tanh), {"out_features", "16384"}},
      {"activation", "dense_tanh", dense, DenseConfig("32", "70", "torch.nn.Bilinear"), {"Bilinear", "Tanh"}},
      {"foreign_code", "dense_tanh", dense, DenseConfig("32", "70", "os.system.Tanh"), {"os.system.Tanh"}},
      {"no_weights", "dense_tanh", "2_Dense/model.safetensors", "", {"2_Dense", "model.safetensors"}},
      {"no_config", "dense_tanh", dense, "", {"2_Dense/config.json"}},
      {"norm_width", "norm_then_dense", "2_LayerNorm/config.json", R"({"dimension": 31})", {"dimension", "32 wide"}},
      {"pooling_word", "pool_mean", pooling, R"({"pooling_mode": ["mean", "best"]})", {"best", "weightedmean"}},
      {"pooling_none", "pool_mean", pooling, R"({"pooling_mode": []})", {"pooling_mode", "0 modes"}},
      {"pooling_off", "pool_mean", pooling, R"({"pooling_mode_cls_token": false})", {"no pooling mode is on"}},
      {"include_prompt", "pool_mean", pooling, R"({"include_prompt": "yes"})", {"include_prompt", "yes"}},
      {"unknown_module",
       "pool_mean",
       "modules.json",
       Modules(R"(, {"path": "1_Pooling", )" + type + R"(Pooling"}, {"path": "2", )" + type + R"(LSTM"})"),
       {"LSTM", "module 2"}},
      {"foreign_module",
       "pool_mean",
       "modules.json",
       Modules(R"(, {"path": "1_Pooling", "type": "custom.Pooling"})"),
       {"custom.Pooling"}},
      {"dense_first",
       "dense_tanh",
       "modules.json",
       Modules(R"(, {"path": "2_Dense", )" + type + R"(Dense"})"),
       {"sentence_embedding", "no Pooling"}},
      {"two_poolings",
       "pool_mean",
       "modules.json",
       Modules(R"(, {"path": "1_Pooling", )" + type + R"(Pooling"}, {"path": "1_Pooling", )" + type + R"(Pooling"})"),
       {"a second Pooling"}},
      {"many_modules", "pool_mean", "modules.json", Modules(many), {"1 to 16 modules"}},
      {"way_out",
       "pool_mean",
       "modules.json",
       Modules(R"(, {"path": "../1_Pooling", )" + type + R"(Pooling"})"),
       {"../1_Pooling"}},
      {"default_prompt",
       "prompts",
       extras,
       R"({"prompts": {"a": "b"}, "default_prompt_name": "c"})",
       {"default_prompt_name", "\"c\"", "it has: a"}},
      {"prompt_number", "prompts", extras, R"({"prompts": {"a": 1}})", {"prompts", "\"a\"", "a string"}},
      {"prompt_list", "prompts", extras, R"({"prompts": ["a"]})", {"prompts", "an object"}},
      {"prompt_long",
       "prompts",
       extras,
       R"({"prompts": {"a": ")" + std::string(70'000, 'x') + R"("}})",
       {"70000 bytes"}},
      {"truncate_zero", "prompts", extras, R"({"truncate_dim": 0})", {"truncate_dim", "from 1"}},
      {"ranges", "pool_mean", "embedding_ranges.npy", "not numpy", {"embedding_ranges.npy", "not a NumPy"}},
  };
}

TEST(SentenceModels, WhatIsWrongIsNamed) {
  for (const Wrong& wrong : WrongFolders()) {
    SCOPED_TRACE(wrong.name);
    testing::TempFolder folder;
    Assemble(wrong.over, folder.path());
    const Path file = folder.path() / wrong.file;
    std::filesystem::remove(file);
    if (!wrong.text.empty()) ASSERT_OK(WriteFileAtomic(file, wrong.text));
    const auto loaded = Embedder::Load(folder.path().string(), {.weight_type = WeightType::kF32, .engine = {}});
    ASSERT_FALSE(loaded.has_value());
    const Error& error = loaded.error();
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported ||
                error.code == ErrorCode::kNotFound)
        << error.ToString();
    EXPECT_NE(error.message.find(folder.path().string()), std::string::npos) << error.message;
    for (const std::string& part : wrong.parts) {
      EXPECT_NE(error.message.find(part), std::string::npos) << "no «" << part << "» in: " << error.message;
    }
    EXPECT_LE(error.message.size(), 1200u);
  }
}

}  // namespace
}  // namespace bantam
