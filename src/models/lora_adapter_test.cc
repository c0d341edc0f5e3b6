// LoRA adapters against peft's logits, in every company, over quantised weights, and what is refused by name.
#include "models/lora_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/testing.h"
#include "files/safetensors.h"
#include "models/decoder.h"
#include "models/golden_data.h"
#include "models/testing_cache.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TensorValues;
using testing::TestCache;

const Path kGolden = "src/models/golden/lora", kDecoders = "src/models/golden/decoders";
constexpr int kBlocks = 2;

struct Golden {
  std::string base;
  std::vector<int32_t> token_ids, cu_seqlens;
  std::vector<float> logits;
  std::vector<TestCache::Part> Parts(LoraUses uses) const {
    std::vector<TestCache::Part> parts;
    for (size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
      const auto begin = token_ids.begin();
      parts.push_back({static_cast<int>(i), {begin + cu_seqlens[i], begin + cu_seqlens[i + 1]}, uses});
    }
    return parts;
  }
};

Golden ReadGolden(const std::string& name) {
  const auto file = SafetensorsFile::Open(kGolden / name / "reference.safetensors");
  EXPECT_OK(file);
  if (!file) return {};
  return {(*file)->metadata().at("base"), TensorValues<int32_t>(**file, "token_ids"),
          TensorValues<int32_t>(**file, "cu_seqlens"), TensorValues<float>(**file, "logits")};
}

std::unique_ptr<Decoder> LoadBase(const std::string& name, WeightType type) {
  auto model = OpenModelFolder(kDecoders / name);
  EXPECT_OK(model);
  if (!model) return nullptr;
  auto decoder = LoadDecoder(*model, {.weight_type = type, .use_packed_files = false});
  EXPECT_OK(decoder);
  return decoder ? std::move(*decoder) : nullptr;
}

std::vector<float> Logits(const Decoder& decoder, const std::vector<TestCache::Part>& parts) {
  ThreadPool pool(2);
  const auto workspace = decoder.NewWorkspace();
  TestCache cache(decoder.kv_shape(), static_cast<int>(parts.size()), kBlocks);
  return cache.Run(decoder, parts, *workspace, pool);
}

class GoldenLora : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (auto kernels = SelectKernels(); !kernels && kernels.error().code == ErrorCode::kUnsupported) {
      GTEST_SKIP() << kernels.error().message;
    }
  }
};

TEST_P(GoldenLora, LogitsEqualPeft) {
  const Golden golden = ReadGolden(GetParam());
  std::vector<std::string> bases = {golden.base};
  // The same weights from a GGUF file, whose matrices have other names and orders of rows.
  if (std::filesystem::exists(kDecoders / (golden.base + "_gguf"))) bases.push_back(golden.base + "_gguf");
  for (const std::string& base : bases) {
    const auto decoder = LoadBase(base, WeightType::kF32);
    ASSERT_NE(decoder, nullptr);
    ASSERT_OK_AND_ASSIGN(const auto adapter, LoraAdapter::Load(kGolden / GetParam(), *decoder));
    const std::vector<LoraUse> uses = {{adapter, 1}};
    const std::vector<float> logits = Logits(*decoder, golden.Parts(uses));
    ASSERT_EQ(logits.size(), golden.logits.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(logits[i], golden.logits[i], 2e-4 + 2e-4 * std::abs(golden.logits[i])) << base << " at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenLora,
                         ::testing::Values("llama", "llama_rslora", "llama_layer", "llama_wide", "llama_gguf", "gemma2",
                                           "phi3", "granite", "gpt2", "gpt_neox", "phi"),
                         [](const auto& test) { return test.param; });

double Cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, own = 0, other = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    own += static_cast<double>(a[i]) * a[i];
    other += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(own * other);
}

TEST(Lora, GoesBesideQuantisedWeights) {
  const Golden golden = ReadGolden("llama_wide");
  for (const WeightType type : {WeightType::kInt8, WeightType::kBlocks}) {
    const auto decoder = LoadBase(golden.base, type);
    ASSERT_NE(decoder, nullptr);
    ASSERT_OK_AND_ASSIGN(const auto adapter, LoraAdapter::Load(kGolden / "llama_wide", *decoder));
    const std::vector<LoraUse> uses = {{adapter, 1}};
    EXPECT_GT(Cosine(Logits(*decoder, golden.Parts(uses)), golden.logits), 0.995) << WeightTypeName(type);
    EXPECT_LT(Cosine(Logits(*decoder, golden.Parts({})), golden.logits), 0.9) << WeightTypeName(type);
  }
}

// Rows of several adapters, of two at once and of none in one step: each sequence has the bits that it has alone, with
// its prompt in pieces, and those without are untouched.
TEST(Lora, ASequencesBitsDoNotDependOnItsNeighbours) {
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kBlocks}) {
    const auto decoder = LoadBase("llama", type);
    ASSERT_NE(decoder, nullptr);
    ASSERT_OK_AND_ASSIGN(const auto one, LoraAdapter::Load(kGolden / "llama", *decoder));
    ASSERT_OK_AND_ASSIGN(const auto two, LoraAdapter::Load(kGolden / "llama_rslora", *decoder));
    const std::vector<std::vector<LoraUse>> uses = {{}, {{one, 1}}, {{two, 1}}, {{one, 0.5f}, {two, -2}}, {{one, 1}}};
    std::vector<TestCache::Part> parts;
    for (size_t i = 0; i < uses.size(); ++i) {
      std::vector<int32_t> ids;
      for (size_t k = 0; k < 3 + 9 * i; ++k) ids.push_back(static_cast<int32_t>(3 + (k * 7 + i * 31) % 90));
      parts.push_back({static_cast<int>(i), ids, uses[i]});
    }
    const std::vector<float> together = Logits(*decoder, parts);
    const auto width = static_cast<size_t>(decoder->vocab_size());
    size_t row = 0;
    const auto workspace = decoder->NewWorkspace();
    for (const TestCache::Part& part : parts) {
      for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        for (const size_t chunk : {size_t{1}, size_t{5}, size_t{100}}) {
          TestCache cache(decoder->kv_shape(), 1, kBlocks);
          std::vector<float> alone;
          for (size_t at = 0; at < part.ids.size(); at += chunk) {
            const auto begin = part.ids.begin() + static_cast<ptrdiff_t>(at);
            const auto count = static_cast<ptrdiff_t>(std::min(chunk, part.ids.size() - at));
            const auto more = cache.Run(*decoder, {{0, {begin, begin + count}, part.adapters}}, *workspace, pool);
            alone.insert(alone.end(), more.begin(), more.end());
          }
          ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + row * width, alone.size() * sizeof(float)))
              << WeightTypeName(type) << " sequence " << part.sequence << " in chunks of " << chunk;
        }
      }
      row += part.ids.size();
    }
  }
}

// A copy of a golden adapter with one key of its config, or one tensor, changed.
class ChangedLora : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::copy(kGolden / "llama", folder_.path(), std::filesystem::copy_options::recursive);
    decoder_ = LoadBase("llama", WeightType::kF32);
    ASSERT_NE(decoder_, nullptr);
  }
  void Set(const std::string& key, const std::string& value) {
    ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(folder_ / "adapter_config.json"));
    ASSERT_OK_AND_ASSIGN(json::value config, ParseJson(text, "adapter_config.json"));
    ASSERT_OK_AND_ASSIGN(config.as_object()[key], ParseJson(value, "value"));
    ASSERT_OK(WriteFileAtomic(folder_ / "adapter_config.json", ToJson(config)));
  }
  void Rename(const std::string& from, const std::string& to) {
    ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(kGolden / "llama" / "adapter_model.safetensors"));
    std::map<std::string, TensorView> tensors(file->tensors().begin(), file->tensors().end());
    const TensorView view = tensors.at(from);
    tensors.erase(from);
    if (!to.empty()) tensors[to] = view;
    ASSERT_OK(WriteFileAtomic(folder_ / "adapter_model.safetensors", SerializeSafetensors(tensors, {})));
  }
  std::string ErrorOfLoading() const {
    const auto adapter = LoraAdapter::Load(folder_.path(), *decoder_);
    return adapter ? "" : adapter.error().message;
  }
  testing::TempFolder folder_;
  std::unique_ptr<Decoder> decoder_;
};

TEST_F(ChangedLora, ScaleIsAlphaOverRank) {
  const Golden golden = ReadGolden("llama");
  std::vector<std::vector<float>> logits;
  for (const auto& [alpha, scale] : {std::pair{"2", 4.0f}, {"8", 1.0f}}) {
    Set("lora_alpha", alpha);
    Set("alpha_pattern", "{}");
    ASSERT_OK_AND_ASSIGN(const auto adapter, LoraAdapter::Load(folder_.path(), *decoder_));
    const std::vector<LoraUse> uses = {{adapter, scale}};
    logits.push_back(Logits(*decoder_, golden.Parts(uses)));
  }
  for (size_t i = 0; i < logits[0].size(); ++i) ASSERT_NEAR(logits[0][i], logits[1][i], 1e-3) << i;
}

TEST_F(ChangedLora, WhatItCannotComputeIsRefusedByName) {
  struct Case {
    const char *key, *value, *error;
  };
  for (const Case& test : std::vector<Case>{{"peft_type", "\"LOHA\"", "\"peft_type\" is \"LOHA\"; known: LORA"},
                                            {"use_dora", "true", "use_dora"},
                                            {"use_something_new", "true", "use_something_new"},
                                            {"modules_to_save", R"(["lm_head"])", "modules_to_save"},
                                            {"bias", "\"lora_only\"", "\"bias\" is \"lora_only\""},
                                            {"lora_bias", "true", "lora_bias"},
                                            {"init_lora_weights", "\"pissa_niter_4\"", "pissa_niter_4"},
                                            {"rank_pattern", R"({".*q_proj": 4})", "regular expression"},
                                            {"rank_pattern", R"({"q_proj": 5})", "says a rank of"},
                                            {"r", "0", "\"r\" is 0"},
                                            {"r", "3", "says a rank of 3"},
                                            {"lora_alpha", "\"big\"", "lora_alpha"},
                                            {"trainable_token_indices", "[1, 2]", "trainable_token_indices"}}) {
    Set(test.key, test.value);
    EXPECT_THAT(ErrorOfLoading(), HasSubstr(test.error)) << test.key;
    std::filesystem::copy(kGolden / "llama", folder_.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  }
}

TEST_F(ChangedLora, TensorsThatDoNotFitAreNamed) {
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  ASSERT_EQ(ErrorOfLoading(), "");
  Rename(q + "A.weight", "");
  EXPECT_THAT(ErrorOfLoading(), ::testing::AllOf(HasSubstr(q + "B.weight"), HasSubstr("no other half")));
  Rename(q + "A.weight", q + "A.bias");
  EXPECT_THAT(ErrorOfLoading(), HasSubstr("no half of a low-rank product"));
  Rename(q + "A.weight", "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight");
  EXPECT_THAT(ErrorOfLoading(), HasSubstr("DoRA"));
  Rename("base_model.model.lm_head.lora_A.weight", "base_model.model.lm_head.weight");
  EXPECT_THAT(ErrorOfLoading(), HasSubstr("whole weight"));
  // Names with the adapter's own in between, as some versions write them.
  Rename(q + "A.weight", q + "A.default.weight");
  EXPECT_EQ(ErrorOfLoading(), "");
  const auto other = LoadBase("gpt2", WeightType::kF32);
  const auto adapter = LoraAdapter::Load(kGolden / "llama", *other);
  ASSERT_FALSE(adapter);
  EXPECT_THAT(adapter.error().message, HasSubstr("is the adapter for another model?"));
  const auto wide = LoadBase("llama_wide", WeightType::kF32);
  const auto narrow = LoraAdapter::Load(kGolden / "llama", *wide);
  ASSERT_FALSE(narrow);
  EXPECT_THAT(narrow.error().message, HasSubstr("is the adapter for another model?"));
}

TEST(Lora, AFolderWithoutAnAdapterIsNone) {
  const auto decoder = LoadBase("llama", WeightType::kF32);
  for (const Path& path : {kDecoders / "llama", Path("src/models/golden/nothing"), kDecoders / "llama/config.json"}) {
    EXPECT_FALSE(LoraAdapter::Load(path, *decoder)) << path;
  }
  const auto model = LoraAdapter::Load(kDecoders / "llama_gguf", *decoder);
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("'general.type'"));
}

}  // namespace
}  // namespace bantam
