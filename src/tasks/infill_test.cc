// Prompts for the middle: which tokens, in which order, and what is left out.
#include "tasks/infill.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bantam {
namespace {

// Letters and the given special tokens.
std::unique_ptr<Tokenizer> Letters(const std::vector<std::string>& special) {
  std::string vocab, added;
  int id = 0;
  for (char c = 'a'; c <= 'z'; ++c) vocab += fmt::format("{}\"{}\": {}", id == 0 ? "" : ", ", c, id), ++id;
  vocab += fmt::format(", \"\u010A\": {}, \"_\": {}", id, id + 1);
  id += 2;
  for (const std::string& text : special) {
    added += fmt::format(
        "{}{{\"id\": {}, \"content\": \"{}\", \"special\": true, \"single_word\": false, \"lstrip\": false, "
        "\"rstrip\": false, \"normalized\": false}}",
        added.empty() ? "" : ", ", id, text);
    vocab += fmt::format(", \"{}\": {}", text, id);
    ++id;
  }
  auto tokenizer = Tokenizer::FromJson(
      fmt::format(R"({{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{}], "normalizer": null,
        "pre_tokenizer": {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}},
        "post_processor": null, "decoder": {{"type": "ByteLevel"}},
        "model": {{"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": {{{}}}, "merges": []}}}})",
                  added, vocab),
      "letters");
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return *std::move(tokenizer);
}

std::string Spell(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  return tokenizer.Decode(ids, {.skip_special_tokens = false});
}

TEST(Infill, EverySpelling) {
  const std::vector<std::string> families[] = {
      {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
      {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
      {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
      {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
      {"▁<PRE>", "▁<SUF>", "▁<MID>"},
      {"<PRE>", "<SUF>", "<MID>"},
  };
  for (const auto& family : families) {
    const auto tokenizer = Letters(family);
    const auto tokens = FindFimTokens(*tokenizer, nullptr);
    ASSERT_TRUE(tokens) << family[0];
    const InfillPrompt prompt = MakeInfillPrompt(*tokenizer, *tokens, {.prefix = "ab", .suffix = "yz"}, 0);
    EXPECT_EQ(Spell(*tokenizer, prompt.ids), family[0] + "ab" + family[1] + "yz" + family[2]);
    // What a text says is no control token.
    const InfillPrompt fake = MakeInfillPrompt(*tokenizer, *tokens, {.prefix = family[2], .suffix = ""}, 0);
    EXPECT_EQ(std::ranges::count(fake.ids, tokens->middle), 1);
  }
}

TEST(Infill, ModelsThatCannot) {
  const auto tokens = FindFimTokens(*Letters({"<s>", "<fim_prefix>"}), nullptr);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(tokens.error().message.find("fill in the middle"), std::string::npos);
}

TEST(Infill, OtherFilesAsLongAsThereIsRoom) {
  const auto tokenizer =
      Letters({"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>", "<|endoftext|>"});
  const auto tokens = FindFimTokens(*tokenizer, nullptr);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->ends.size(), 6u);
  const InfillText text{.prefix = "ab", .suffix = "yz", .extra = {{"f", "first"}, {"g", "second"}}};
  const InfillPrompt all = MakeInfillPrompt(*tokenizer, *tokens, text, 1000);
  EXPECT_EQ(Spell(*tokenizer, all.ids),
            "<repo_name>project\n<file_sep>f\nfirst\n<file_sep>g\nsecond\n<file_sep>file\n<fim_prefix>ab<fim_suffix>yz"
            "<fim_middle>");
  EXPECT_EQ(all.dropped_files, 0u);
  const InfillPrompt one = MakeInfillPrompt(*tokenizer, *tokens, text, all.ids.size() - 1);
  EXPECT_EQ(one.dropped_files, 1u);
  EXPECT_EQ(Spell(*tokenizer, one.ids).find("first"), std::string::npos);
  EXPECT_NE(Spell(*tokenizer, one.ids).find("second"), std::string::npos);
  const auto plain = Letters({"<fim_prefix>", "<fim_suffix>", "<fim_middle>"});
  const auto only = FindFimTokens(*plain, nullptr);
  EXPECT_EQ(Spell(*plain, MakeInfillPrompt(*plain, *only, text, 1000).ids),
            "first\n\nsecond\n\n<fim_prefix>ab<fim_suffix>yz<fim_middle>");
}

}  // namespace
}  // namespace bantam
