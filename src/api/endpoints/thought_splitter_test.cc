#include "api/endpoints/thought_splitter.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

using Parts = std::pair<std::string, std::string>;

// Whole, and in pieces of every size.
Parts Split(std::string_view text, bool begun = false) {
  std::optional<Parts> first;
  for (size_t size = text.size() + 1; size > 0; --size) {
    ThoughtSplitter splitter("<think>", "</think>", begun);
    Parts parts;
    for (size_t at = 0; at < text.size(); at += size) {
      const auto read = splitter.Read(text.substr(at, size), false);
      parts.first += read.thought;
      parts.second += read.said;
    }
    const auto rest = splitter.Read("", true);
    parts.first += rest.thought;
    parts.second += rest.said;
    if (!first) first = parts;
    EXPECT_EQ(parts, *first) << "in pieces of " << size;
  }
  return *first;
}

TEST(ThoughtSplitter, PartsThoughtAndSpeech) {
  EXPECT_EQ(Split("<think>\nHm, 2 + 2.\n</think>\n\nFour."), Parts("Hm, 2 + 2.\n", "Four."));
  EXPECT_EQ(Split("\n <think></think>Four."), Parts("", "Four."));
  EXPECT_EQ(Split("Four."), Parts("", "Four."));
  EXPECT_EQ(Split(""), Parts("", ""));
}

TEST(ThoughtSplitter, KnowsWhetherItIsInAThought) {
  ThoughtSplitter splitter("<think>", "</think>", false);
  const auto after = [&](std::string_view piece) { return splitter.Read(piece, false), splitter.in_thought(); };
  EXPECT_FALSE(after("<thi"));
  EXPECT_TRUE(after("nk>"));
  EXPECT_TRUE(after("Hm.</thin"));
  EXPECT_FALSE(after("k>"));
  EXPECT_FALSE(after("Four."));
}

TEST(ThoughtSplitter, AThoughtThatThePromptOpened) {
  EXPECT_EQ(Split("\nHm.</think> Four.", true), Parts("Hm.", "Four."));
  EXPECT_EQ(Split("Hm, I am not done", true), Parts("Hm, I am not done", ""));
}

TEST(ThoughtSplitter, WhatOnlyLooksLikeAMark) {
  EXPECT_EQ(Split(" <thin air"), Parts("", " <thin air"));
  EXPECT_EQ(Split("<think"), Parts("", "<think"));
  EXPECT_EQ(Split("<think>a </thi b</think>c <think> d"), Parts("a </thi b", "c <think> d"));
}

TEST(ThoughtSplitter, AModelWithoutThoughts) {
  ThoughtSplitter splitter("", "", false);
  EXPECT_EQ(splitter.Read("<think>x</think>", true).said, "<think>x</think>");
}

}  // namespace
}  // namespace bantam
