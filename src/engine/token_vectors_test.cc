// Lists with a sink and with token types, through a real encoder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/testing.h"
#include "engine/encoder_engine.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

const Path kGolden = "src/models/golden";

std::unique_ptr<EncoderEngine> EngineOf(const std::string& name, size_t max_batch_tokens = 4096) {
  auto model = OpenModelFolder(kGolden / name);
  if (!model) return nullptr;
  auto encoder = LoadEncoder(*model, {.weight_type = WeightType::kF32, .use_packed_files = false});
  if (!encoder) return nullptr;
  return EncoderEngine::Create(*std::move(encoder), {.num_threads = 2, .max_batch_tokens = max_batch_tokens});
}

struct Collector final : TokenVectorSink {
  void Take(size_t index, std::span<const float> hidden) noexcept override {
    std::lock_guard lock(mutex);
    rows[index].assign(hidden.begin(), hidden.end());
    ++calls;
  }
  std::mutex mutex;
  std::map<size_t, std::vector<float>> rows;
  size_t calls = 0;
};

struct OneText final : EncodeJob {
  void Done(Status s) override { status.set_value(std::move(s)); }
  std::promise<Status> status;
};

TEST(TokenVectors, EqualTheReferenceWithTypesInBatchesOfAnySize) {
  for (const std::string name : {"bert", "mobilebert", "nomic_bert_v5", "deberta_v2", "roberta"}) {
    ASSERT_OK_AND_ASSIGN(const auto golden, testing::ReadGoldenReference(kGolden / name / "reference.safetensors"));
    for (const size_t budget : {20, 4096}) {
      const auto engine = EngineOf(name, budget);
      ASSERT_NE(engine, nullptr) << name;
      Collector sink;
      ASSERT_OK(engine->Run({.token_ids = golden.token_ids,
                             .cu_seqlens = golden.cu_seqlens,
                             .token_type_ids = golden.token_type_ids,
                             .sink = &sink}));
      const auto width = static_cast<size_t>(engine->encoder().hidden_size());
      ASSERT_EQ(sink.calls, golden.cu_seqlens.size() - 1);
      for (size_t i = 0; i + 1 < golden.cu_seqlens.size(); ++i) {
        const auto begin = static_cast<size_t>(golden.cu_seqlens[i]) * width,
                   end = static_cast<size_t>(golden.cu_seqlens[i + 1]) * width;
        ASSERT_EQ(sink.rows[i].size(), end - begin);
        EXPECT_LE(testing::MaxAbsDifference(sink.rows[i], std::span(golden.hidden).subspan(begin, end - begin)), 1e-4)
            << name << " " << i;
      }
    }
  }
}

TEST(TokenVectors, OnlyEqualTypesShareASequence) {
  const auto engine = EngineOf("bert");
  ASSERT_NE(engine, nullptr);
  const std::vector<int32_t> ids = {5, 6, 5, 6, 5, 6, 5, 6}, borders = {0, 2, 4, 6, 8},
                             types = {0, 0, 0, 1, 0, 1, 0, 0};
  Collector sink;
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .token_type_ids = types, .sink = &sink}));
  EXPECT_EQ(engine->Stats().repeated, 2u);
  EXPECT_EQ(sink.calls, 4u);
  EXPECT_EQ(sink.rows[0], sink.rows[3]);
  EXPECT_EQ(sink.rows[1], sink.rows[2]);
  EXPECT_NE(sink.rows[0], sink.rows[1]);
}

TEST(TokenVectors, AModelWithoutTypesIgnoresThem) {
  const auto engine = EngineOf("roberta");
  ASSERT_NE(engine, nullptr);
  const std::vector<int32_t> ids = {5, 6, 5, 6}, borders = {0, 2, 4}, types = {0, 0, 0, 1};
  Collector sink;
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .token_type_ids = types, .sink = &sink}));
  EXPECT_EQ(engine->Stats().repeated, 1u);
  EXPECT_EQ(sink.rows[0], sink.rows[1]);
}

TEST(TokenVectors, AnUnknownTypeIsRefused) {
  const auto engine = EngineOf("bert");
  ASSERT_NE(engine, nullptr);
  const std::vector<int32_t> ids = {5, 6}, borders = {0, 2};
  for (const int32_t type : {-1, 2, INT32_MAX}) {
    const std::vector<int32_t> types = {0, type};
    Collector sink;
    const Status status =
        engine->Run({.token_ids = ids, .cu_seqlens = borders, .token_type_ids = types, .sink = &sink});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, ::testing::HasSubstr("the model knows 0 to 1"));
    EXPECT_EQ(sink.calls, 0u);
  }
}

// Ends its text after the first layer.
struct EndAtOnce final : ExitJudge {
  bool Wants(int layer) const override { return layer == 1; }
  bool Finished(int, std::span<const float>) override { return true; }
};

// A long list, which keeps an engine busy while other jobs queue up behind it.
struct BusyList {
  explicit BusyList(EncoderEngine& engine) {
    for (int i = 0; i < 3000; ++i) {
      ids.insert(ids.end(), {3 + i % 90, 3 + i / 90, 4});
      borders.push_back(static_cast<int32_t>(ids.size()));
    }
    out.resize((borders.size() - 1) * static_cast<size_t>(engine.encoder().hidden_size()));
    static_cast<EncodeList&>(job) = {.token_ids = ids, .cu_seqlens = borders, .out = out};
    submitted = engine.Submit(job);
  }
  std::vector<int32_t> ids, borders = {0};
  std::vector<float> out;
  OneText job;
  Status submitted = Ok();
};

TEST(TokenVectors, ShareABatchWithTextsThatEndEarlyAndWithPooledOnes) {
  const auto engine = EngineOf("bert");
  ASSERT_NE(engine, nullptr);
  const auto width = static_cast<size_t>(engine->encoder().hidden_size());
  const std::vector<int32_t> ids = {5, 6, 7}, borders = {0, 3};
  Collector alone;
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .sink = &alone}));
  BusyList busy(*engine);
  ASSERT_OK(busy.submitted);
  EndAtOnce judge;
  std::vector<float> judged(width), pooled(width);
  Collector sink;
  OneText jobs[3];
  static_cast<EncodeList&>(jobs[0]) = {.token_ids = ids, .cu_seqlens = borders, .judge = &judge, .out = judged};
  static_cast<EncodeList&>(jobs[1]) = {.token_ids = ids, .cu_seqlens = borders, .sink = &sink};
  static_cast<EncodeList&>(jobs[2]) = {
      .token_ids = ids, .cu_seqlens = borders, .pooling = PoolingMode::kCls, .normalize = false, .out = pooled};
  for (OneText& job : jobs) ASSERT_OK(engine->Submit(job));
  for (OneText& job : jobs) ASSERT_OK(job.status.get_future().get());
  ASSERT_OK(busy.job.status.get_future().get());
  EXPECT_EQ(sink.rows[0], alone.rows[0]);
  EXPECT_EQ(pooled, std::vector<float>(alone.rows[0].begin(), alone.rows[0].begin() + static_cast<ptrdiff_t>(width)));
  EXPECT_NE(judged, pooled);
}

// What sees a part of itself only cannot be computed under a judge's eyes: the judged text of that batch runs to the
// end.
TEST(TokenVectors, NumKeysHoldBesideATextThatMayEndEarly) {
  const auto engine = EngineOf("bert");
  ASSERT_NE(engine, nullptr);
  const auto width = static_cast<size_t>(engine->encoder().hidden_size());
  const std::vector<int32_t> ids = {5, 6, 7, 4, 4}, borders = {0, 5}, keys = {3};
  Collector alone, whole;
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .sink = &alone, .num_keys = keys}));
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .sink = &whole}));
  ASSERT_NE(alone.rows[0], whole.rows[0]);
  BusyList busy(*engine);
  ASSERT_OK(busy.submitted);
  EndAtOnce judge;
  std::vector<float> judged(width);
  Collector sink;
  OneText jobs[2];
  static_cast<EncodeList&>(jobs[0]) = {.token_ids = ids, .cu_seqlens = borders, .judge = &judge, .out = judged};
  static_cast<EncodeList&>(jobs[1]) = {.token_ids = ids, .cu_seqlens = borders, .sink = &sink, .num_keys = keys};
  for (OneText& job : jobs) ASSERT_OK(engine->Submit(job));
  for (OneText& job : jobs) ASSERT_OK(job.status.get_future().get());
  ASSERT_OK(busy.job.status.get_future().get());
  EXPECT_EQ(sink.rows[0], alone.rows[0]);
}

// No observer sees such a batch, so what wants earlier layers is computed in another one.
TEST(TokenVectors, NumKeysHoldBesideATextThatWantsEarlierLayers) {
  const auto engine = EngineOf("bert");
  ASSERT_NE(engine, nullptr);
  const auto width = static_cast<size_t>(engine->encoder().hidden_size());
  const std::vector<int32_t> ids = {5, 6, 7, 4, 4}, borders = {0, 5}, keys = {3};
  const std::vector<int> layers = {1, engine->encoder().num_layers()};
  Collector alone;
  std::vector<float> expected(2 * width), vectors(2 * width);
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .sink = &alone, .num_keys = keys}));
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .layers = layers, .out = expected}));
  BusyList busy(*engine);
  ASSERT_OK(busy.submitted);
  Collector sink;
  OneText jobs[2];
  static_cast<EncodeList&>(jobs[0]) = {.token_ids = ids, .cu_seqlens = borders, .layers = layers, .out = vectors};
  static_cast<EncodeList&>(jobs[1]) = {.token_ids = ids, .cu_seqlens = borders, .sink = &sink, .num_keys = keys};
  for (OneText& job : jobs) ASSERT_OK(engine->Submit(job));
  for (OneText& job : jobs) ASSERT_OK(job.status.get_future().get());
  ASSERT_OK(busy.job.status.get_future().get());
  EXPECT_EQ(sink.rows[0], alone.rows[0]);
  EXPECT_EQ(vectors, expected);
}

}  // namespace
}  // namespace bantam
