#include "learn/quant_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;

class QuantDataTest : public ::testing::Test {
 protected:
  Result<QuantData> Read(const std::string& text, const std::vector<std::string>& splits = {}) {
    EXPECT_OK(WriteFileAtomic(temp_ / "data.jsonl", text));
    return ReadQuantData(temp_ / "data.jsonl", splits);
  }
  static std::string Pairs(const std::string& first, const std::string& second, const std::string& score) {
    std::string text;
    for (int i = 0; i < 12; ++i) {
      text += fmt::format("{{\"{}\": \"a {}\", \"{}\": \"b {}\", \"{}\": {}, \"split\": \"{}\"}}\n", first, i, second,
                          i, score, i % 5, i == 0 ? "test" : "dev");
    }
    return text;
  }
  testing::TempFolder temp_;
};

TEST_F(QuantDataTest, PairsUnderTheirUsualNames) {
  for (const auto& [first, second, score] : {std::tuple{"text1", "text2", "score"},
                                             {"text1", "text2", "label"},
                                             {"sentence1", "sentence2", "score"},
                                             {"sentence1", "sentence2", "label"},
                                             {"a", "b", "score"}}) {
    ASSERT_OK_AND_ASSIGN(const QuantData data, Read(Pairs(first, second, score)));
    EXPECT_EQ(data.task, QuantTask::kSimilarity);
    ASSERT_EQ(data.texts.size(), 24u);
    EXPECT_EQ(data.texts[2], "a 1");
    EXPECT_EQ(data.texts[3], "b 1");
    EXPECT_EQ(data.scores[4], 4);
    EXPECT_EQ(data.sha256.size(), 64u);
  }
  ASSERT_OK_AND_ASSIGN(const QuantData dev, Read(Pairs("a", "b", "score"), {"dev"}));
  EXPECT_EQ(dev.scores.size(), 11u);
}

TEST_F(QuantDataTest, LabelsWithoutOutOfScope) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += fmt::format("{{\"text\": \"t {}\", \"label\": \"{}\"}}\n", i, i % 2 ? "x" : "y");
  ASSERT_OK_AND_ASSIGN(const QuantData data, Read(text + "{\"text\": \"t\", \"label\": \"oos\"}\n"));
  EXPECT_EQ(data.task, QuantTask::kLabels);
  EXPECT_EQ(data.texts.size(), 20u);
  EXPECT_EQ(data.examples.size(), 20u);
}

TEST_F(QuantDataTest, RefusalsSayWhereAndWhat) {
  const auto error = [&](const std::string& text, const std::vector<std::string>& splits = {}) {
    const auto data = Read(text, splits);
    return data ? std::string() : data.error().message;
  };
  EXPECT_THAT(error(""), HasSubstr("holds no line"));
  EXPECT_THAT(error("{\"question\": 1}"), HasSubstr("data.jsonl:1: expected {\"text\", \"label\"}"));
  EXPECT_THAT(error("\n{\"a\": \"x\", \"b\": 3, \"score\": 1}"), HasSubstr("data.jsonl:2: \"b\""));
  EXPECT_THAT(error("{\"a\": \"x\", \"b\": \"y\", \"score\": \"high\"}"), HasSubstr("\"score\""));
  EXPECT_THAT(error("{\"a\": \"x\", \"b\": \"y\", \"score\": 1}"), HasSubstr("1 pairs"));
  EXPECT_THAT(error(Pairs("a", "b", "score"), {"train"}), HasSubstr("0 pairs"));
  EXPECT_THAT(error("{\"text\": \"x\"}"), HasSubstr("\"label\""));
  EXPECT_THAT(error("{\"text\": \"x\", \"label\": \"a\"}"), HasSubstr("fewer than two labels"));
  EXPECT_THAT(error("{\"text\": \"x\", \"label\": \"a\"}\n{\"text\": \"y\", \"label\": \"b\"}"),
              HasSubstr("fewer than 10"));
  EXPECT_THAT(error("{\"text\": "), HasSubstr("data.jsonl:1:"));
}

TEST_F(QuantDataTest, SamplesAreManyAndDifferent) {
  QuantData samples = SampleSentences();
  EXPECT_EQ(samples.task, QuantTask::kSentences);
  EXPECT_GE(samples.texts.size(), 60u);
  std::sort(samples.texts.begin(), samples.texts.end());
  EXPECT_EQ(std::adjacent_find(samples.texts.begin(), samples.texts.end()), samples.texts.end());
}

}  // namespace
}  // namespace bantam
