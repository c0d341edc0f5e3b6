// Files that are right as files and wrong as models: what the config promises and the weights do not hold is named, and
// whatever loads can be computed with. The numbers are those of the list of hostile inputs (tests/hostile/cases.txt).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "base/testing.h"
#include "files/gguf_builder.h"
#include "models/encoder.h"

namespace bantam {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HostileWeights : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Encoder>> Load(std::string_view bytes) {
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(path_, bytes));
    BANTAM_TRY(ModelFolder model, OpenModelFolder(path_));
    return LoadEncoder(model, {.use_packed_files = false});
  }
  std::string ErrorOf(std::string_view bytes) {
    const auto encoder = Load(bytes);
    return encoder ? "" : encoder.error().message;
  }
  // Every token there is, in two sequences.
  static std::vector<float> Use(const Encoder& encoder) {
    const int length = std::min({encoder.vocab_size(), encoder.max_positions(), 64});
    std::vector<int32_t> ids;
    for (int sequence = 0; sequence < 2; ++sequence) {
      for (int i = 0; i < length; ++i) ids.push_back(sequence == 0 ? i : encoder.vocab_size() - 1 - i);
    }
    const std::vector<int32_t> borders = {0, length, 2 * length};
    std::vector<float> hidden(ids.size() * static_cast<size_t>(encoder.hidden_size()));
    ThreadPool pool(1);
    const auto workspace = encoder.NewWorkspace();
    encoder.Forward({.token_ids = ids, .cu_seqlens = borders, .token_type_ids = {}}, *workspace, pool, hidden);
    return hidden;
  }

  testing::TempFolder folder_;
  const Path path_ = folder_ / "model.gguf";
};

std::string TinyBertWith(std::string_view key, uint32_t value) {
  return testing::WithU32(testing::TinyBertGguf(), key, value);
}

TEST_F(HostileWeights, F30_LayersThatAreNotThere) {
  for (const uint32_t count : {2u, 512u}) {
    EXPECT_THAT(ErrorOf(TinyBertWith("bert.block_count", count)),
                AllOf(StartsWith(path_.string()), HasSubstr("blk.1.")))
        << count;
  }
  for (const uint32_t count : {0u, 513u, 100'000u, UINT32_MAX}) {
    EXPECT_THAT(ErrorOf(TinyBertWith("bert.block_count", count)), HasSubstr("expected an integer from 1 to ")) << count;
  }
}

TEST_F(HostileWeights, F30_LayersThatAreLeftOver) {
  testing::GgufBuilder gguf;
  testing::AddTinyBert(gguf);
  gguf.Tensor("blk.7.ffn_up.weight", {8, 16}, testing::kGgmlF32, std::string(512, '\0'));
  EXPECT_THAT(ErrorOf(gguf.Build()), HasSubstr("layer.7.intermediate.dense.weight"));
}

TEST_F(HostileWeights, F32_F53_ShapesThatTheConfigDoesNotExplain) {
  for (const auto& [key, value] : std::vector<std::pair<const char*, uint32_t>>{{"bert.embedding_length", 16},
                                                                                {"bert.embedding_length", 4},
                                                                                {"bert.feed_forward_length", 32},
                                                                                {"bert.feed_forward_length", 8}}) {
    EXPECT_THAT(ErrorOf(TinyBertWith(key, value)), AllOf(HasSubstr(".weight"), HasSubstr("["))) << key << " " << value;
  }
  EXPECT_THAT(ErrorOf(TinyBertWith("bert.embedding_length", 65'536)), HasSubstr("from 1 to 16384"));
  // Of positions there are as many as the table has rows, whatever the metadata promises.
  for (const uint32_t positions : {13u, 1u << 24}) {
    ASSERT_OK_AND_ASSIGN(const auto encoder, Load(TinyBertWith("bert.context_length", positions)));
    EXPECT_LE(encoder->max_positions(), 12);
    Use(*encoder);
  }
  for (const uint32_t heads : {0u, 3u, 16u, 4096u, UINT32_MAX}) {
    EXPECT_THAT(ErrorOf(TinyBertWith("bert.attention.head_count", heads)), HasSubstr("head")) << heads;
  }
}

// Such a file is well formed. What it computes is no number; engines refuse to hand that out
// (EncoderEngine.NumbersThatAreNotFiniteFailOnlyTheirOwnRequest, Sampler.DamagedLogitsAreAnError).
TEST_F(HostileWeights, F34_WeightsThatAreNoNumbers) {
  const std::string valid = testing::TinyBertGguf();
  for (const float value : {std::nanf(""), INFINITY, -INFINITY, 3e38f}) {
    std::string bytes = valid;
    for (size_t at = valid.size() / 2 / 32 * 32; at + sizeof value <= bytes.size(); at += sizeof value) {
      std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    const auto encoder = Load(bytes);
    if (encoder) Use(**encoder);
  }
}

// Whatever is still a model after it was damaged is computed with.
TEST_F(HostileWeights, F62_MutatedFilesAreComputedOrRefused) {
  const std::string valid = testing::TinyBertGguf();
  constexpr uint32_t kNumbers[] = {0, 1, 2, 3, 7, 9, 16, 17, 255, 4096, 65'536, 1u << 20, 1u << 31, UINT32_MAX};
  std::mt19937 random(31);
  const auto below = [&](size_t limit) { return random() % limit; };
  int accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = valid;
    for (size_t edits = 1 + below(2); edits > 0; --edits) {
      // Half of the edits are in the metadata, whose numbers say how much there is.
      const size_t at = below(bytes.size() / (below(2) == 0 ? 8 : 1) - 8);
      if (below(2) == 0) {
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      } else {
        const uint32_t number = kNumbers[below(std::size(kNumbers))];
        std::memcpy(bytes.data() + at, &number, sizeof number);
      }
    }
    const auto encoder = Load(bytes);
    if (!encoder) {
      EXPECT_NE(encoder.error().code, ErrorCode::kInternal) << encoder.error().message;
      continue;
    }
    ++accepted;
    Use(**encoder);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 2000);
}

}  // namespace
}  // namespace bantam
