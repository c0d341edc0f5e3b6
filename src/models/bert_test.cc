#include "models/bert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "base/testing.h"
#include "files/allocation_meter.h"
#include "layers/pooling.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

using testing::Cosine;
using testing::GoldenReference;
using testing::MaxAbsDifference;
using testing::ReadGoldenReference;

const Path kGolden = "src/models/golden";

std::vector<float> Forward(const Encoder& encoder, const EncoderBatch& batch, ThreadPool& pool) {
  std::vector<float> hidden(static_cast<size_t>(batch.num_tokens()) * encoder.hidden_size());
  const auto workspace = encoder.NewWorkspace();
  encoder.Forward(batch, *workspace, pool, hidden);
  return hidden;
}

std::unique_ptr<Encoder> LoadGolden(const Path& folder, WeightType type) {
  auto model = OpenModelFolder(folder);
  EXPECT_OK(model);
  if (!model) return nullptr;
  auto encoder = LoadEncoder(*model, {.weight_type = type, .use_packed_files = false});
  EXPECT_OK(encoder);
  return encoder ? std::move(*encoder) : nullptr;
}

// Every folder with a checkpoint is tested: a new one needs no new code.
std::vector<std::string> GoldenModels() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (std::filesystem::exists(entry.path() / "config.json") || std::filesystem::exists(entry.path() / "modules.json"))
      names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    // models/CMakeLists.txt runs these tests with BANTAM_ISA set to every level.
    if (auto kernels = SelectKernels(); !kernels && kernels.error().code == ErrorCode::kUnsupported) {
      GTEST_SKIP() << kernels.error().message;
    }
    auto reference = ReadGoldenReference(kGolden / GetParam() / "reference.safetensors");
    ASSERT_OK(reference);
    reference_ = *std::move(reference);
  }
  GoldenReference reference_;
};

TEST_P(Golden, HiddenStatesEqualTheReference) {
  const auto encoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(encoder, nullptr);
  ThreadPool pool(1);
  const std::vector<float> hidden = Forward(*encoder, reference_.batch(), pool);
  ASSERT_EQ(hidden.size(), reference_.hidden.size());
  for (size_t i = 0; i < hidden.size(); ++i) {
    ASSERT_NEAR(hidden[i], reference_.hidden[i], 1e-5 + 1e-4 * std::abs(reference_.hidden[i])) << "at " << i;
  }
}

TEST_P(Golden, PooledVectorsEqualTheReference) {
  if (reference_.embeddings.empty()) return;  // hidden states only
  auto model = OpenModelFolder(kGolden / GetParam());
  ASSERT_OK(model);
  const auto encoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(encoder, nullptr);
  ThreadPool pool(1);
  const EncoderBatch batch = reference_.batch();
  const std::vector<float> hidden = Forward(*encoder, batch, pool);
  const auto width = static_cast<size_t>(encoder->hidden_size());
  std::vector<float> pooled(width);
  for (int s = 0; s < batch.num_sequences(); ++s) {
    const size_t begin = batch.cu_seqlens[s] * width, end = batch.cu_seqlens[s + 1] * width;
    Pool(std::span(hidden).subspan(begin, end - begin), encoder->hidden_size(), model->sentence.pooling,
         model->sentence.normalize, pooled);
    EXPECT_LE(MaxAbsDifference(pooled, std::span(reference_.embeddings).subspan(s * width, width)), 1e-5) << s;
  }
}

// In both types a row depends on its own sequence alone, so nothing but the same bits will do.
TEST_P(Golden, AloneInABatchAndOnAnyThreadsGivesTheSameBits) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kInt4}) {
    const auto encoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(encoder, nullptr);
    ThreadPool one(1);
    const EncoderBatch batch = reference_.batch();
    const std::vector<float> together = Forward(*encoder, batch, one);
    const auto width = static_cast<size_t>(encoder->hidden_size());
    for (int threads = 1; threads <= 3; ++threads) {
      ThreadPool pool(threads);
      EXPECT_EQ(Forward(*encoder, batch, pool), together) << threads << " threads";
      for (int s = 0; s < batch.num_sequences(); ++s) {
        const int begin = batch.cu_seqlens[s], length = batch.cu_seqlens[s + 1] - begin;
        const std::vector<int32_t> cu_seqlens = {0, length};
        const EncoderBatch single{batch.token_ids.subspan(begin, length), cu_seqlens,
                                  batch.token_type_ids.subspan(begin, length)};
        const std::vector<float> alone = Forward(*encoder, single, pool);
        ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + begin * width, alone.size() * sizeof(float)))
            << WeightTypeName(type) << " sequence " << s << ", " << threads << " threads";
      }
    }
  }
}

// Keeps every row it is shown, and ends sequences after the layer that `last` says.
class Recorder final : public LayerObserver {
 public:
  explicit Recorder(std::vector<int> last) : last_(std::move(last)), rows_(last_.size()), layers_(last_.size()) {}
  bool Wants(int layer) const override { return layer % 2 == 1; }
  void AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) override {
    const std::lock_guard lock(mutex_);
    const size_t width = output.hidden.size() / static_cast<size_t>(output.borders.back());
    for (size_t i = 0; i < output.sequences.size(); ++i) {
      const auto s = static_cast<size_t>(output.sequences[i]);
      const auto rows = output.hidden.subspan(static_cast<size_t>(output.borders[i]) * width,
                                              static_cast<size_t>(output.borders[i + 1] - output.borders[i]) * width);
      rows_[s].assign(rows.begin(), rows.end());
      layers_[s].push_back(output.layer);
      finished[i] = output.layer >= last_[s] ? 1 : 0;
    }
  }
  const std::vector<float>& rows(int s) const { return rows_[s]; }
  const std::vector<int>& layers(int s) const { return layers_[s]; }

 private:
  std::mutex mutex_;
  std::vector<int> last_;
  std::vector<std::vector<float>> rows_;  // [sequences], of the last layer that showed them
  std::vector<std::vector<int>> layers_;
};

TEST_P(Golden, AnObserverThatEndsNothingSeesTheSameBits) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    const auto encoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(encoder, nullptr);
    if (encoder->num_layers() == 0) GTEST_SKIP() << GetParam() << " shows no layers";
    const auto width = static_cast<size_t>(encoder->hidden_size());
    for (int threads = 1; threads <= 3; ++threads) {
      ThreadPool pool(threads);
      EncoderBatch batch = reference_.batch();
      const std::vector<float> plain = Forward(*encoder, batch, pool);
      Recorder recorder(std::vector<int>(batch.num_sequences(), encoder->num_layers()));
      batch.observer = &recorder;
      Forward(*encoder, batch, pool);
      for (int s = 0; s < batch.num_sequences(); ++s) {
        const auto begin = plain.begin() + batch.cu_seqlens[s] * static_cast<ptrdiff_t>(width);
        const auto end = plain.begin() + batch.cu_seqlens[s + 1] * static_cast<ptrdiff_t>(width);
        EXPECT_EQ(recorder.rows(s), std::vector<float>(begin, end)) << WeightTypeName(type) << " sequence " << s;
        EXPECT_EQ(recorder.layers(s).back(), encoder->num_layers());
      }
    }
  }
}

// Whoever else is in the batch, and wherever they end, a sequence's rows are those it has alone.
TEST_P(Golden, SequencesEndAtTheirOwnLayers) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    const auto encoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(encoder, nullptr);
    const int num_layers = encoder->num_layers();
    if (num_layers < 2) GTEST_SKIP() << GetParam() << " shows no layer before its last";
    for (int threads = 1; threads <= 3; ++threads) {
      ThreadPool pool(threads);
      EncoderBatch batch = reference_.batch();
      for (int shift = 0; shift < 2; ++shift) {
        std::vector<int> last;
        for (int s = 0; s < batch.num_sequences(); ++s) last.push_back((s + shift) % 2 == 0 ? 1 : num_layers);
        Recorder together(last);
        batch.observer = &together;
        Forward(*encoder, batch, pool);
        for (int s = 0; s < batch.num_sequences(); ++s) {
          const int begin = batch.cu_seqlens[s], length = batch.cu_seqlens[s + 1] - begin;
          const std::vector<int32_t> cu_seqlens = {0, length};
          Recorder alone({last[s]});
          Forward(*encoder,
                  {.token_ids = batch.token_ids.subspan(begin, length),
                   .cu_seqlens = cu_seqlens,
                   .token_type_ids = batch.token_type_ids.subspan(begin, length),
                   .observer = &alone},
                  pool);
          EXPECT_EQ(together.layers(s).back(), last[s]);
          ASSERT_EQ(together.rows(s), alone.rows(0))
              << WeightTypeName(type) << " sequence " << s << ", " << threads << " threads";
        }
      }
    }
  }
}

TEST_P(Golden, Int8StaysNear) {
  const auto encoder = LoadGolden(kGolden / GetParam(), WeightType::kInt8);
  ASSERT_NE(encoder, nullptr);
  ThreadPool pool(1);
  const std::vector<float> hidden = Forward(*encoder, reference_.batch(), pool);
  const double cosine = Cosine(hidden, reference_.hidden);
  RecordProperty("int8_cosine", std::to_string(cosine));
  EXPECT_GT(cosine, 0.999);
}

// After a first pass the workspace holds all that a pass needs.
class SteadyState : public Golden {};

TEST_P(SteadyState, APassAllocatesNothingOnceItsWorkspaceHasGrown) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    const auto encoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(encoder, nullptr);
    const EncoderBatch batch = reference_.batch();
    std::vector<float> hidden(static_cast<size_t>(batch.num_tokens()) * encoder->hidden_size());
    for (int threads = 1; threads <= 2; ++threads) {
      ThreadPool pool(threads);
      const auto workspace = encoder->NewWorkspace();
      testing::AllocationMeter first;
      encoder->Forward(batch, *workspace, pool, hidden);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
      EXPECT_GT(testing::AllocationMeter::PeakBytes(), 0u);
#endif
      testing::AllocationMeter second;
      encoder->Forward(batch, *workspace, pool, hidden);
      EXPECT_EQ(testing::AllocationMeter::PeakBytes(), 0u) << WeightTypeName(type) << ", " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SteadyState,
                         ::testing::Values("bert", "bert_relu", "modernbert", "nomic_bert", "qwen3"),
                         [](const auto& test) { return test.param; });

// A workspace is used again for smaller and larger batches; what an earlier batch left behind must not show.
TEST_P(Golden, AWorkspaceServesAnyOrderOfBatches) {
  const auto encoder = LoadGolden(kGolden / GetParam(), WeightType::kInt8);
  ASSERT_NE(encoder, nullptr);
  ThreadPool pool(2);
  const auto workspace = encoder->NewWorkspace();
  const EncoderBatch all = reference_.batch();
  for (int last : {3, all.num_sequences(), 1, 5, all.num_sequences()}) {
    const int tokens = all.cu_seqlens[last];
    const EncoderBatch batch{all.token_ids.first(tokens), all.cu_seqlens.first(last + 1),
                             all.token_type_ids.first(tokens)};
    std::vector<float> hidden(static_cast<size_t>(tokens) * encoder->hidden_size());
    encoder->Forward(batch, *workspace, pool, hidden);
    EXPECT_EQ(hidden, Forward(*encoder, batch, pool)) << last;
  }
}

TEST_P(Golden, NoTokenTypesMeansZeros) {
  const auto encoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(encoder, nullptr);
  ThreadPool pool(1);
  EncoderBatch batch = reference_.batch();
  const std::vector<int32_t> zeros(batch.token_ids.size(), 0);
  batch.token_type_ids = zeros;
  const std::vector<float> expected = Forward(*encoder, batch, pool);
  batch.token_type_ids = {};
  EXPECT_EQ(Forward(*encoder, batch, pool), expected);
  // Empty batches and empty sequences are nothing to do.
  const std::vector<int32_t> none = {0}, empty = {0, 0, 0};
  EXPECT_TRUE(Forward(*encoder, {{}, none, {}}, pool).empty());
  EXPECT_TRUE(Forward(*encoder, {{}, empty, {}}, pool).empty());
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(GoldenModels()),
                         [](const auto& test) { return test.param; });

struct Difference {
  double max_abs = 0, min_cosine = 1, mean_cosine = 0;
};

Difference AgainstReference(const Encoder& encoder, const GoldenReference& reference, ThreadPool& pool) {
  const EncoderBatch batch = reference.batch();
  const std::vector<float> hidden = Forward(encoder, batch, pool);
  const auto width = static_cast<size_t>(encoder.hidden_size());
  Difference difference;
  std::vector<float> embedding(width);
  for (int s = 0; s < batch.num_sequences(); ++s) {
    const size_t begin = batch.cu_seqlens[s] * width, end = batch.cu_seqlens[s + 1] * width;
    Pool(std::span(hidden).subspan(begin, end - begin), encoder.hidden_size(), PoolingMode::kMean, true, embedding);
    const auto expected = std::span(reference.embeddings).subspan(s * width, width);
    const double cosine = Cosine(embedding, expected);
    difference.max_abs = std::max(difference.max_abs, MaxAbsDifference(embedding, expected));
    difference.min_cosine = std::min(difference.min_cosine, cosine);
    difference.mean_cosine += cosine / batch.num_sequences();
  }
  return difference;
}

TEST(MiniLm, EmbeddingsEqualSentenceTransformers) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(folder));
  ASSERT_OK_AND_ASSIGN(const GoldenReference reference,
                       ReadGoldenReference(kGolden / "all-MiniLM-L6-v2/reference.safetensors"));
  ThreadPool pool(2);
  for (WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto encoder, LoadEncoder(model, {.weight_type = type, .use_packed_files = false}));
    EXPECT_EQ(encoder->num_parameters(), 22'565'376u);
    const Difference difference = AgainstReference(*encoder, reference, pool);
    RecordProperty(std::string(WeightTypeName(type)) + "_max_abs", std::to_string(difference.max_abs));
    RecordProperty(std::string(WeightTypeName(type)) + "_mean_cosine", std::to_string(difference.mean_cosine));
    if (type == WeightType::kF32) {
      EXPECT_LE(difference.max_abs, 1e-5);
      EXPECT_GE(difference.min_cosine, 0.99999);
    } else {
      EXPECT_GE(difference.mean_cosine, 0.998);
      EXPECT_GE(difference.min_cosine, 0.99);
    }
  }
}

// A golden checkpoint with one thing changed in its config.
class ChangedConfig : public ::testing::Test {
 protected:
  std::string ErrorOf(std::string_view from, std::string_view to) {
    testing::TempFolder folder;
    std::filesystem::copy(kGolden / "bert", folder.path(), std::filesystem::copy_options::recursive);
    auto config = ReadFile(folder / "config.json");
    EXPECT_OK(config);
    const size_t at = config->find(from);
    EXPECT_NE(at, std::string::npos) << from;
    config->replace(at, from.size(), to);
    EXPECT_OK(WriteFileAtomic(folder / "config.json", *config));
    auto model = OpenModelFolder(folder.path());
    if (!model) return model.error().message;
    auto encoder = LoadEncoder(*model, {.use_packed_files = false});
    return encoder ? "" : encoder.error().message;
  }
};

TEST_F(ChangedConfig, RefusalsNameTheKeyAndTheValue) {
  EXPECT_THAT(ErrorOf("\"gelu\"", "\"mish\""),
              ::testing::HasSubstr("\"hidden_act\" is \"mish\"; known: gelu, gelu_new"));
  EXPECT_THAT(ErrorOf("\"vocab_size\"", "\"position_embedding_type\": \"relative_key\", \"vocab_size\""),
              ::testing::HasSubstr("\"position_embedding_type\" is \"relative_key\"; known: absolute"));
  EXPECT_THAT(ErrorOf("\"vocab_size\"", "\"is_decoder\": true, \"vocab_size\""),
              ::testing::HasSubstr("\"is_decoder\""));
  EXPECT_THAT(ErrorOf("\"model_type\": \"bert\"", "\"model_type\": \"mamba\""),
              ::testing::HasSubstr("\"model_type\" \"mamba\"; known: bert"));
  EXPECT_THAT(ErrorOf("\"num_attention_heads\": 4", "\"num_attention_heads\": 5"),
              ::testing::HasSubstr("does not divide"));
  EXPECT_THAT(ErrorOf("\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1"),
              ::testing::HasSubstr("\"layer_norm_eps\""));
  EXPECT_THAT(ErrorOf("\"hidden_size\": 48", "\"hidden_size\": 1000000000"), ::testing::HasSubstr("\"hidden_size\""));
}

TEST_F(ChangedConfig, WeightsThatDoNotFitAreNamed) {
  EXPECT_THAT(ErrorOf("\"intermediate_size\": 100", "\"intermediate_size\": 101"),
              ::testing::AllOf(::testing::HasSubstr("encoder.layer.0.intermediate.dense.weight"),
                               ::testing::HasSubstr("[101, 48]"), ::testing::HasSubstr("[100, 48]")));
  EXPECT_THAT(ErrorOf("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
              ::testing::HasSubstr("encoder.layer.2."));
  EXPECT_THAT(
      ErrorOf("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1"),
      ::testing::AllOf(::testing::HasSubstr("encoder.layer.1."), ::testing::HasSubstr("no part of a BERT encoder")));
}

}  // namespace
}  // namespace bantam
