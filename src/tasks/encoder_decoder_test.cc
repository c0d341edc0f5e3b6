// Models that read a prompt with an encoder, from text to text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/testing.h"
#include "models/decoder.h"
#include "models/testing_cache.h"
#include "tasks/generate.h"
#include "tasks/t5_model.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TempFolder;
using testing::TestCache;

constexpr char kPrompt[] = "translate English to German: The house is wonderful.";

class EncoderDecoder : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(tokenizer, "tok-hf-json/t5-small/tokenizer.json");
    ASSERT_OK(testing::WriteT5(folder_.path(), 32'128, 1, 5));
    std::filesystem::copy_file(tokenizer, folder_ / "tokenizer.json");
    generator_ = Load({});
    ASSERT_NE(generator_, nullptr);
  }
  std::unique_ptr<Generator> Load(const GenerationOptions& options, const std::string& draft = {}) {
    auto generator =
        Generator::Load(folder_.path().string(), {.weight_type = WeightType::kF32, .engine = options, .draft = draft});
    if (!generator) error_ = generator.error().message;
    return generator ? *std::move(generator) : nullptr;
  }
  static std::string TextOf(Generator& generator, const std::string& prompt) {
    const auto texts = generator.Generate({.prompt = prompt, .sampling = {.temperature = 0}, .max_tokens = 30});
    EXPECT_OK(texts);
    return texts ? (*texts)[0].text : "";
  }
  TempFolder folder_;
  std::unique_ptr<Generator> generator_;
  std::string error_;
};

// By the decoder itself: the encoder reads the text and its end, the text begins after the pad token.
TEST_F(EncoderDecoder, TheTextIsThatOfTheModel) {
  constexpr int kTokens = 40;
  const Decoder& decoder = generator_->engine().decoder();
  std::vector<int32_t> ids = generator_->tokenizer().Encode(kPrompt, {}).ids;
  // What transformers' T5Tokenizer gives.
  ASSERT_THAT(ids, ::testing::ElementsAre(13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5, 1));
  const int encoded = static_cast<int>(ids.size());
  ids.push_back(0);
  ThreadPool pool(1);
  TestCache cache(decoder.kv_shape(), 1, 4);
  const auto workspace = decoder.NewWorkspace();
  std::vector<int32_t> expected;
  while (expected.size() < kTokens) {
    const auto logits = cache.Run(decoder, {{.sequence = 0, .ids = ids, .encoded = encoded}}, *workspace, pool);
    const auto last = logits.end() - decoder.vocab_size();
    ids = {static_cast<int32_t>(std::max_element(last, logits.end()) - last)};
    expected.push_back(ids.front());
  }
  ASSERT_OK_AND_ASSIGN(
      const auto texts,
      generator_->Generate(
          {.prompt = kPrompt, .sampling = {.temperature = 0}, .max_tokens = kTokens, .ignore_eos = true}));
  std::vector<int32_t> written;
  for (const TokenChoice& token : texts[0].tokens) written.push_back(token.id);
  EXPECT_EQ(written, expected);
  EXPECT_EQ(texts[0].text, generator_->tokenizer().Decode(expected, {}));
  EXPECT_EQ(texts[0].end.summary.prompt_tokens, encoded);
  EXPECT_THAT(generator_->stop_tokens(), ::testing::ElementsAre(1));
}

TEST_F(EncoderDecoder, TextsDoNotDependOnTheirCompany) {
  const std::vector<std::string> prompts = {kPrompt, "summarize: " + std::string(300, 'a') + " and so on", "one", ""};
  std::vector<std::string> alone;
  for (const std::string& prompt : prompts) alone.push_back(TextOf(*generator_, prompt));
  EXPECT_NE(alone[0], alone[1]);
  const auto tight = Load({.num_threads = 2, .cache_tokens = 480, .max_batch_tokens = 7});
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const size_t kind = i % prompts.size();
      EXPECT_EQ(TextOf(*tight, prompts[kind]), alone[kind]) << i;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(EncoderDecoder, TheLastMessageOfAUserIsThePrompt) {
  EXPECT_TRUE(generator_->can_chat());
  const auto message = [](std::string_view role, std::string_view content) {
    return json::object{{"role", role}, {"content", content}};
  };
  const auto prompt_of = [&](json::array messages) {
    ChatInput input;
    input.messages = std::move(messages);
    return generator_->ChatPromptIds(input);
  };
  ASSERT_OK_AND_ASSIGN(const auto ids,
                       prompt_of({message("system", "Be brief."), message("user", "first"), message("assistant", "yes"),
                                  message("user", kPrompt), message("assistant", "well")}));
  EXPECT_EQ(ids, generator_->tokenizer().Encode(kPrompt, {}).ids);
  // Nothing that it says becomes a control token.
  ASSERT_OK_AND_ASSIGN(const auto spelled, prompt_of({message("user", "</s> <pad>")}));
  EXPECT_EQ(std::ranges::count(spelled, 1), 1);
  const auto none = prompt_of({message("system", "Be brief.")});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("none of a user"));
}

TEST_F(EncoderDecoder, WhatItCannotDoIsRefused) {
  EXPECT_EQ(Load({}, folder_.path().string()), nullptr);
  EXPECT_THAT(error_, HasSubstr("only decoders draft"));
  const Status adapter = generator_->AddAdapter({.path = "src/models/golden/lora/llama"});
  ASSERT_FALSE(adapter);
  EXPECT_THAT(adapter.error().message, HasSubstr("not computed for models of this architecture"));
}

TEST(EncoderDecoderFolder, TheOlderTokenizerFileWillDo) {
  BANTAM_REQUIRE_DATA(pieces, "tok-sentencepiece/test_model.model");
  TempFolder folder;
  std::filesystem::copy_file(pieces, folder / "spiece.model");
  ASSERT_OK(testing::WriteT5(folder.path(), 1100, 2, 6));
  ASSERT_OK_AND_ASSIGN(const auto generator, Generator::Load(folder.path().string(), {}));
  EXPECT_EQ(generator->tokenizer().TokenId("<extra_id_0>"), 1099);
  EXPECT_EQ(generator->tokenizer().TokenId("<extra_id_99>"), 1000);
  const std::vector<int32_t> ids = generator->tokenizer().Encode("Hello there.", {}).ids;
  EXPECT_GT(ids.size(), 2u);
  EXPECT_EQ(ids.back(), generator->tokenizer().TokenId("</s>"));
  EXPECT_EQ(std::ranges::count(ids, ids.back()), 1);
  ASSERT_OK_AND_ASSIGN(const auto texts, generator->Generate({.prompt = "Hello there.", .max_tokens = 5}));
  EXPECT_LE(texts[0].tokens.size(), 5u);
}

}  // namespace
}  // namespace bantam
