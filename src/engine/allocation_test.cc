// A text through queue, batch, encoder and pooling, when every buffer has been that large before: no allocation.
#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"
#include "engine/encoder_engine.h"
#include "files/allocation_meter.h"

namespace bantam {
namespace {

TEST(EncoderEngine, AllocatesNothingInTheSteadyState) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has its own allocator";
#endif
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModel("src/models/golden/bert"));
    ASSERT_OK_AND_ASSIGN(auto encoder, LoadEncoder(model, {.weight_type = type, .use_packed_files = false}));
    // One thread: the meter counts its own thread, which an idle engine computes on.
    const auto engine = EncoderEngine::Create(std::move(encoder), {.num_threads = 1});
    const auto columns = static_cast<size_t>(engine->encoder().hidden_size());
    std::mt19937 random(1);
    std::vector<int32_t> ids, borders = {0};
    for (int i = 0; i < 40; ++i) {
      for (size_t t = 0; t < 1 + random() % 12; ++t) {
        ids.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(engine->encoder().vocab_size())));
      }
      borders.push_back(static_cast<int32_t>(ids.size()));
    }
    std::vector<float> out((borders.size() - 1) * columns);
    ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .out = out}));
    const testing::AllocationMeter meter;
    for (size_t count = 1; count < borders.size(); ++count) {
      const auto tokens = static_cast<size_t>(borders[count]);
      ASSERT_OK(engine->Run({.token_ids = std::span(ids).first(tokens),
                             .cu_seqlens = std::span(borders).first(count + 1),
                             .out = std::span(out).first(count * columns)}));
      ASSERT_EQ(testing::AllocationMeter::PeakBytes(), 0u) << count << " texts, " << WeightTypeName(type);
    }
    const std::vector<char> one(1);  // the meter does count
    EXPECT_GT(testing::AllocationMeter::PeakBytes(), 0u);
  }
}

}  // namespace
}  // namespace bantam
