// A small trained model made smaller: what is written loads, says what it cost, and is as far from the original as the
// report says; and what is measured is what a plain sum over logits gives.
#include "learn/decoder_quantizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/testing.h"
#include "files/gguf.h"
#include "learn/decoder_pass.h"
#include "learn/format_choice.h"
#include "learn/input_energy.h"
#include "tasks/stories_model.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

class QuantizedStories : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    ASSERT_OK_AND_ASSIGN(const std::string bytes, testing::StoriesGguf(folder));
    path_ = temp_.path() / "stories.gguf";
    ASSERT_OK(WriteFileAtomic(path_, bytes));
    ASSERT_OK_AND_ASSIGN(model_, OpenModelFolder(path_));
    for (int i = 0; i < 60; ++i) {
      text_ +=
          "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she "
          "saw a big dog. The dog was very happy and wanted to play with her. ";
    }
  }

  Result<DecoderQuantReport> Quantize(DType type, double extra = 0.1) {
    return QuantizeDecoder(model_, Out(type), {.type = type, .extra = extra, .text = text_, .num_threads = 2});
  }
  Path Out(DType type) const { return temp_.path() / (std::string(DTypeName(type)) + ".gguf"); }

  TempFolder temp_;
  Path path_;
  ModelFolder model_;
  std::string text_;
};

TEST_F(QuantizedStories, MoreBitsLoseLess) {
  double before = 1e9;
  for (const DType type : {DType::kQ4_0, DType::kQ5_0, DType::kQ8_0}) {
    SCOPED_TRACE(DTypeName(type));
    ASSERT_OK_AND_ASSIGN(const DecoderQuantReport report, Quantize(type));
    EXPECT_LT(report.divergence.kl_mean, before / 2);
    before = report.divergence.kl_mean;
    EXPECT_GT(report.divergence.same_top, 0.8);
    EXPECT_LT(report.bytes_after, report.bytes_before / 2);
    EXPECT_FALSE(report.rounded_before);

    ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open(Out(type)));
    ASSERT_OK_AND_ASSIGN(const std::string_view told, file->metadata().String("bantam.quantization"));
    ASSERT_OK_AND_ASSIGN(const json::value json, ParseJson(told, "report"));
    EXPECT_EQ(json.at("type").as_string(), DTypeName(type));
    EXPECT_DOUBLE_EQ(json.at("kl_mean").as_double(), report.divergence.kl_mean);
    for (const QuantizedMatrix& matrix : report.matrices) {
      EXPECT_EQ(file->Find(matrix.name)->view.dtype, matrix.after) << matrix.name;
    }
    // Nothing else is left behind.
    for (const auto& entry : std::filesystem::directory_iterator(temp_.path())) {
      EXPECT_EQ(entry.path().extension(), ".gguf");
    }
  }
}

TEST_F(QuantizedStories, TheReportIsWhatPerplexityFinds) {
  ASSERT_OK_AND_ASSIGN(const DecoderQuantReport report, Quantize(DType::kQ4_0));
  ThreadPool pool(1);
  ASSERT_EQ(TypeOfOriginal(*model_.weights), WeightType::kF32);
  ASSERT_OK_AND_ASSIGN(const auto original, LoadDecoder(model_, {.weight_type = WeightType::kF32}));
  ASSERT_OK_AND_ASSIGN(ModelFolder copy, OpenModelFolder(Out(DType::kQ4_0)));
  EXPECT_EQ(TypeOfOriginal(*copy.weights), WeightType::kBlocks);
  ASSERT_OK_AND_ASSIGN(const auto smaller, LoadDecoder(copy, {.weight_type = WeightType::kBlocks}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(path_));
  const std::vector<int32_t> ids = tokenizer->Encode(text_, {.add_special_tokens = false}).ids;
  std::vector<int32_t> scored(ids.begin() + static_cast<ptrdiff_t>(ids.size() / 2), ids.end());
  if (scored.size() > 4096) scored.resize(4096);
  ASSERT_OK_AND_ASSIGN(const DivergenceFigures apart,
                       MeasureDivergence(*original, *smaller, pool, scored, {.context = 256}));
  EXPECT_NEAR(apart.kl_mean, report.divergence.kl_mean, 1e-9);
  EXPECT_NEAR(apart.other.perplexity, report.divergence.other.perplexity, 1e-9);
  ASSERT_OK_AND_ASSIGN(const PerplexityFigures alone, MeasurePerplexity(*smaller, pool, scored, {.context = 256}));
  EXPECT_EQ(alone.perplexity, apart.other.perplexity);
  EXPECT_EQ(alone.num_tokens, apart.other.num_tokens);

  ASSERT_OK_AND_ASSIGN(const DivergenceFigures same, MeasureDivergence(*original, *original, pool, scored, {}));
  EXPECT_EQ(same.kl_mean, 0);
  EXPECT_EQ(same.same_top, 1);
}

TEST_F(QuantizedStories, PerplexityIsThePlainSum) {
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(const auto decoder, LoadDecoder(model_, {.weight_type = WeightType::kF32}));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(path_));
  const std::vector<int32_t> ids = tokenizer->Encode(text_, {.add_special_tokens = false}).ids;
  constexpr int kContext = 40;
  ASSERT_OK_AND_ASSIGN(const PerplexityFigures figures,
                       MeasurePerplexity(*decoder, pool, ids, {.context = kContext, .bos_id = 1, .max_tokens = 90}));
  EXPECT_EQ(figures.num_windows, 2u);
  EXPECT_EQ(figures.num_tokens, 2u * 19);
  double sum = 0;
  const auto vocab = static_cast<size_t>(decoder->vocab_size());
  for (size_t w = 0; w < 2; ++w) {
    std::vector<int32_t> window(ids.begin() + static_cast<ptrdiff_t>(w * kContext),
                                ids.begin() + static_cast<ptrdiff_t>((w + 1) * kContext));
    window[0] = 1;
    ASSERT_OK_AND_ASSIGN(DecoderPass pass, DecoderPass::Create(*decoder, pool, kContext));
    const auto logits = pass.Next(window, 0, kContext);
    for (size_t at = 20; at + 1 < kContext; ++at) {
      double total = 0;
      for (size_t v = 0; v < vocab; ++v) total += std::exp(static_cast<double>(logits[at * vocab + v]));
      sum -= logits[at * vocab + static_cast<size_t>(window[at + 1])] - std::log(total);
    }
  }
  EXPECT_NEAR(figures.perplexity, std::exp(sum / (2 * 19)), 1e-5 * figures.perplexity);
  EXPECT_GT(figures.standard_error, 0);
}

TEST_F(QuantizedStories, EnergyIsTheMeanSquareOfWhatALayerReads) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(path_));
  std::vector<int32_t> ids = tokenizer->Encode(text_, {.add_special_tokens = false}).ids;
  ids.resize(300);
  std::vector<InputEnergy> energies;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    ASSERT_OK_AND_ASSIGN(InputEnergy energy, InputEnergy::Record(model_, ids, 128, pool));
    energies.push_back(std::move(energy));
  }
  const std::string q = "layers.0.self_attn.q_proj", v = "layers.0.self_attn.v_proj";
  ASSERT_FALSE(energies[0].Of(q).empty());
  EXPECT_THAT(energies[0].Of(q), ::testing::ElementsAreArray(energies[0].Of(v)));
  for (size_t k = 0; k < energies[0].Of(q).size(); ++k) {
    EXPECT_GT(energies[0].Of(q)[k], 0);
    EXPECT_NEAR(energies[0].Of(q)[k], energies[1].Of(q)[k], 1e-5 * energies[0].Of(q)[k]);
  }
  EXPECT_TRUE(energies[0].Has("embed_tokens"));
  EXPECT_FALSE(energies[0].Has("norm"));
}

TEST_F(QuantizedStories, MistakesAreNamed) {
  const auto short_text = QuantizeDecoder(model_, Out(DType::kQ4_0), {.type = DType::kQ4_0, .text = "too short"});
  ASSERT_FALSE(short_text);
  EXPECT_THAT(short_text.error().message, HasSubstr("half to measure on"));
  EXPECT_FALSE(std::filesystem::exists(Out(DType::kQ4_0)));
  EXPECT_THAT(ParseBlockType("q3_z").error().message, HasSubstr("known: q4_0, q4_1, q4_k"));
  EXPECT_EQ(*ParseBlockType("q4_k"), DType::kQ4_K);
}

TEST(FormatChoice, WhereSuperblocksDoNotFitBlocksOf32Do) {
  EXPECT_THAT(FormatsFrom(DType::kQ4_K, 512), ElementsAre(DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kQ8_0));
  EXPECT_THAT(FormatsFrom(DType::kQ6_K, 576), ElementsAre(DType::kQ8_0));
  EXPECT_THAT(FormatsFrom(DType::kQ5_K, 576), ElementsAre(DType::kQ5_0, DType::kQ5_1, DType::kQ8_0));
  EXPECT_THAT(FormatsFrom(DType::kQ8_0, 512), ElementsAre(DType::kQ8_0));
  EXPECT_THAT(FormatsFrom(DType::kQ4_K, 50), ElementsAre());
}

TEST(FormatChoice, SpendsWhereAByteSavesMost) {
  const auto ladder = [](std::string name, double first, double second) {
    return FormatLadder{std::move(name), {{DType::kQ4_K, 100, first}, {DType::kQ6_K, 150, second}}};
  };
  std::vector<FormatLadder> ladders = {ladder("a", 0.02, 0.01), ladder("b", 0.09, 0.01), ladder("c", 0.05, 0.02)};
  ChooseFormats(ladders, 110);
  EXPECT_EQ(ladders[0].chosen, 0u);
  EXPECT_EQ(ladders[1].chosen, 1u);
  EXPECT_EQ(ladders[2].chosen, 1u);
  // A step that saves nothing is no hindrance to one beyond it, and what does not fit is passed over.
  std::vector<FormatLadder> steps = {
      {"d", {{DType::kQ4_0, 100, 0.05}, {DType::kQ4_1, 110, 0.05}, {DType::kQ5_0, 120, 0.01}}}};
  ChooseFormats(steps, 15);
  EXPECT_EQ(steps[0].chosen, 0u);
  ChooseFormats(steps, 20);
  EXPECT_EQ(steps[0].chosen, 2u);
}

}  // namespace
}  // namespace bantam
