// Every golden decoder against transformers' logits and greedy text, and a token's bits in every company.
#include "models/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/testing.h"
#include "models/golden_data.h"
#include "models/testing_cache.h"

namespace bantam {
namespace {

using testing::Cosine;
using testing::LoadGolden;
using testing::TensorValues;
using testing::TestCache;

const Path kGolden = "src/models/golden/decoders";
constexpr int kGreedyTokens = 64;

struct Reference {
  std::vector<int32_t> token_ids, cu_seqlens, greedy;
  std::vector<float> logits;
  int num_sequences() const { return static_cast<int>(cu_seqlens.size()) - 1; }
  std::vector<int32_t> Sequence(int i) const {
    return {token_ids.begin() + cu_seqlens[i], token_ids.begin() + cu_seqlens[i + 1]};
  }
};

Result<Reference> ReadReference(const Path& path) {
  BANTAM_TRY(const auto file, SafetensorsFile::Open(path));
  return Reference{TensorValues<int32_t>(*file, "token_ids"), TensorValues<int32_t>(*file, "cu_seqlens"),
                   TensorValues<int32_t>(*file, "greedy"), TensorValues<float>(*file, "logits")};
}

std::vector<std::string> GoldenDecoders() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The longest golden text.
constexpr int kBlocks = (66 + kGreedyTokens + kKvBlockTokens - 1) / kKvBlockTokens;

class GoldenDecoder : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (auto kernels = SelectKernels(); !kernels && kernels.error().code == ErrorCode::kUnsupported) {
      GTEST_SKIP() << kernels.error().message;
    }
    auto reference = ReadReference(kGolden / GetParam() / "reference.safetensors");
    ASSERT_OK(reference);
    reference_ = *std::move(reference);
  }

  std::vector<TestCache::Part> AllSequences() const {
    std::vector<TestCache::Part> parts;
    for (int i = 0; i < reference_.num_sequences(); ++i) parts.push_back({i, reference_.Sequence(i)});
    return parts;
  }

  Reference reference_;
};

TEST_P(GoldenDecoder, LogitsEqualTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(decoder, nullptr);
  ThreadPool pool(1);
  const auto workspace = decoder->NewWorkspace();
  TestCache cache(decoder->kv_shape(), reference_.num_sequences(), kBlocks);
  const std::vector<float> logits = cache.Run(*decoder, AllSequences(), *workspace, pool);
  ASSERT_EQ(logits.size(), reference_.logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    ASSERT_NEAR(logits[i], reference_.logits[i], 1e-4 + 1e-4 * std::abs(reference_.logits[i])) << "at " << i;
  }
}

TEST_P(GoldenDecoder, GreedyTextEqualsTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(decoder, nullptr);
  ThreadPool pool(2);
  const auto workspace = decoder->NewWorkspace();
  const int num_sequences = reference_.num_sequences();
  TestCache cache(decoder->kv_shape(), num_sequences, kBlocks);
  std::vector<TestCache::Part> parts = AllSequences();
  std::vector<std::vector<int32_t>> texts(static_cast<size_t>(num_sequences));
  const auto width = static_cast<size_t>(decoder->vocab_size());
  for (int step = 0; step < kGreedyTokens; ++step) {
    const std::vector<float> logits = cache.Run(*decoder, parts, *workspace, pool);
    size_t row = 0;
    for (TestCache::Part& part : parts) {
      row += part.ids.size();
      const auto last = logits.begin() + static_cast<ptrdiff_t>((row - 1) * width);
      const auto best = static_cast<int32_t>(std::max_element(last, last + static_cast<ptrdiff_t>(width)) - last);
      std::vector<int32_t>& text = texts[static_cast<size_t>(part.sequence)];
      text.push_back(best);
      part.ids = {best};
      std::vector<int32_t> all = reference_.Sequence(part.sequence);
      all.insert(all.end(), text.begin(), text.end());
      // Past that border all tokens have other positions than before.
      if (static_cast<int>(all.size()) == decoder->original_positions() + 1) {
        cache.Forget(part.sequence);
        part.ids = all;
      }
    }
  }
  for (int i = 0; i < num_sequences; ++i) {
    const std::span<const int32_t> expected = std::span(reference_.greedy).subspan(i * kGreedyTokens, kGreedyTokens);
    EXPECT_THAT(texts[static_cast<size_t>(i)], ::testing::ElementsAreArray(expected)) << "sequence " << i;
  }
}

// The lowest of all models and levels is 0.9999988 for f16, 0.99991 for bf16 and 0.99976 for q8.
TEST_P(GoldenDecoder, ASmallerCacheIsNearTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(decoder, nullptr);
  ThreadPool pool(1);
  const auto workspace = decoder->NewWorkspace();
  for (const auto& [type, least] :
       {std::pair(kKvF16, 0.999998), std::pair(kKvBf16, 0.9999), std::pair(kKvQ8, 0.9997)}) {
    TestCache cache(decoder->kv_shape().As(type), reference_.num_sequences(), kBlocks);
    const std::vector<float> logits = cache.Run(*decoder, AllSequences(), *workspace, pool);
    ASSERT_EQ(logits.size(), reference_.logits.size());
    EXPECT_GT(Cosine(logits, reference_.logits), least) << KvTypeName(type);
  }
}

// Floats in blocks of Q8_0, where the sizes allow: the reference's logits but for what 8 bits lose.
TEST_P(GoldenDecoder, BlocksAreNearTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kBlocks);
  ASSERT_NE(decoder, nullptr);
  EXPECT_EQ(decoder->weight_type(), WeightType::kBlocks);
  ThreadPool pool(1);
  const auto workspace = decoder->NewWorkspace();
  TestCache cache(decoder->kv_shape(), reference_.num_sequences(), kBlocks);
  const std::vector<float> logits = cache.Run(*decoder, AllSequences(), *workspace, pool);
  ASSERT_EQ(logits.size(), reference_.logits.size());
  // Random weights magnify what rounding does: int8 gives 0.9971 where these widths fit, blocks 0.9974.
  EXPECT_GT(Cosine(logits, reference_.logits), 0.997);
}

// The promise of decoder.h: nothing but the same bits will do.
TEST_P(GoldenDecoder, AloneInABatchAndInChunksGivesTheSameBits) {
  for (const auto& [type, kv_type] :
       {std::pair(WeightType::kF32, kKvF32), std::pair(WeightType::kInt8, kKvF16), std::pair(WeightType::kF32, kKvQ8),
        std::pair(WeightType::kBlocks, kKvF32), std::pair(WeightType::kBlocks, kKvBf16)}) {
    const auto decoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(decoder, nullptr);
    const auto workspace = decoder->NewWorkspace();
    ThreadPool one(1);
    const KvCacheShape shape = decoder->kv_shape().As(kv_type);
    TestCache cache(shape, reference_.num_sequences(), kBlocks);
    const std::vector<float> together = cache.Run(*decoder, AllSequences(), *workspace, one);
    const auto width = static_cast<size_t>(decoder->vocab_size());
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      for (const int chunk : {1, 7, 33, 1000}) {
        for (int i = 0; i < reference_.num_sequences(); ++i) {
          TestCache own(shape, 1, kBlocks);
          const std::vector<int32_t> ids = reference_.Sequence(i);
          std::vector<float> logits;
          for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(chunk)) {
            const auto begin = ids.begin() + static_cast<ptrdiff_t>(at);
            const auto count = std::min<size_t>(ids.size() - at, static_cast<size_t>(chunk));
            const auto part = own.Run(*decoder,
                                      {{.sequence = 0,
                                        .ids = {begin, begin + static_cast<ptrdiff_t>(count)},
                                        .total = static_cast<int>(ids.size())}},
                                      *workspace, pool);
            logits.insert(logits.end(), part.begin(), part.end());
          }
          const float* expected = together.data() + static_cast<size_t>(reference_.cu_seqlens[i]) * width;
          ASSERT_EQ(0, std::memcmp(logits.data(), expected, logits.size() * sizeof(float)))
              << WeightTypeName(type) << ", " << KvTypeName(kv_type) << ", sequence " << i << " in chunks of " << chunk
              << ", " << threads << " threads";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenDecoder, ::testing::ValuesIn(GoldenDecoders()),
                         [](const auto& test) { return test.param; });

// A checkpoint in one file, with one thing changed at a time.
class StrictDecoder : public ::testing::TestWithParam<std::string> {
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
    const auto decoder = LoadDecoder(*model, {.use_packed_files = false});
    return decoder ? "" : decoder.error().message;
  }
  testing::TempFolder folder_;
  std::unique_ptr<SafetensorsFile> file_;
  std::map<std::string, TensorView> tensors_;
};

TEST_P(StrictDecoder, AMissingMisshapenOrLeftOverTensorIsNamed) {
  ASSERT_EQ(ErrorWith(tensors_), "");
  for (const auto& [name, view] : tensors_) {
    auto changed = tensors_;
    changed.erase(name);
    // Without its word table a checkpoint shows no prefix, so the name is only the end of what is missing.
    const bool finds_prefix = name.find("embed") != std::string::npos || name.find("wte") != std::string::npos;
    EXPECT_THAT(ErrorWith(changed), ::testing::HasSubstr(finds_prefix ? "weight" : name)) << "without " << name;
    changed = tensors_;
    Shape& shape = changed.at(name).shape;
    shape.insert(shape.begin(), 1);
    EXPECT_THAT(ErrorWith(changed), ::testing::HasSubstr(name)) << "misshapen " << name;
  }
  auto more = tensors_;
  more["model.layers.0.stray.weight"] = tensors_.begin()->second;
  EXPECT_THAT(ErrorWith(more), ::testing::AllOf(::testing::HasSubstr("\"model.layers.0.stray.weight\""),
                                                ::testing::HasSubstr("no part of a")));
}

std::vector<std::string> SingleFileDecoders() {
  std::vector<std::string> names = GoldenDecoders();
  std::erase_if(names,
                [](const std::string& name) { return !std::filesystem::exists(kGolden / name / "model.safetensors"); });
  return names;
}
INSTANTIATE_TEST_SUITE_P(Decoders, StrictDecoder, ::testing::ValuesIn(SingleFileDecoders()),
                         [](const auto& test) { return test.param; });

// What a config can say and the code cannot do is refused by name.
TEST(DecoderLoading, RefusesWhatItCannotCompute) {
  struct Case {
    const char *model, *key, *value, *error;
  };
  for (const Case& test : std::vector<Case>{
           {"llama", "rope_parameters", R"({"rope_type":"dynamic","rope_theta":1e4,"factor":2})", "\"dynamic\"; known"},
           {"llama", "num_key_value_heads", "3", "num_key_value_heads"},
           {"llama", "head_dim", "11", "even number"},
           {"llama", "hidden_act", "\"tanhish\"", "hidden_act"},
           {"llama", "vocab_size", "-1", "vocab_size"},
           {"llama", "num_hidden_layers", "3", "layers.2."},
           {"smollm3", "no_rope_layers", "[1, 0]", "has 2 entries, there are 5 layers"},
           {"gemma3", "use_bidirectional_attention", "true", "use_bidirectional_attention"},
           {"phi3_long", "rope_parameters",
            R"({"rope_type":"longrope","rope_theta":1e4,"short_factor":[1,2],"long_factor":[1,2]})", "short_factor"},
           {"gpt2", "scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx"},
           {"lfm2", "layer_types", R"(["conv"])", "has 1 entries, there are 4 layers"},
           {"lfm2", "layer_types", R"(["conv","conv","full_attention","mamba"])", "entry 3: a layer is \"conv\" or"},
           {"lfm2", "conv_L_cache", "33", "conv_L_cache"},
           {"lfm2_adjusted", "full_attn_idxs", "[3]", "entry 0: the number of a layer is 0 to 2"},
           {"lfm2_adjusted", "block_ffn_dim_multiplier", "0", "block_ffn_dim_multiplier"},
           {"phi", "qk_layernorm", "true", "qk_layernorm"}}) {
    testing::TempFolder folder;
    std::filesystem::copy(kGolden / test.model, folder.path(), std::filesystem::copy_options::recursive);
    ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(folder / "config.json"));
    ASSERT_OK_AND_ASSIGN(json::value config, ParseJson(text, "config.json"));
    ASSERT_OK_AND_ASSIGN(config.as_object()[test.key], ParseJson(test.value, "value"));
    ASSERT_OK(WriteFileAtomic(folder / "config.json", ToJson(config)));
    ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(folder.path()));
    const auto decoder = LoadDecoder(model, {.use_packed_files = false});
    ASSERT_FALSE(decoder) << test.model << " " << test.key;
    EXPECT_THAT(decoder.error().message, ::testing::HasSubstr(test.error));
  }
}

TEST(DecoderLoading, SaysWhatItKnows) {
  auto model = OpenModelFolder("src/models/golden/bert");
  ASSERT_OK(model);
  const auto decoder = LoadDecoder(*model, {});
  ASSERT_FALSE(decoder);
  EXPECT_EQ(decoder.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(decoder.error().message, ::testing::HasSubstr("known: llama, mistral, qwen2"));
}

}  // namespace
}  // namespace bantam
