#include "tasks/answer_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace bantam {
namespace {

// All spans, the slow way.
std::vector<AnswerSpan> Reference(const WindowLogits& logits, size_t max_length) {
  const auto softmax = [&](const std::vector<float>& x) {
    std::vector<double> p(x.size());
    double highest = -10'000, sum = 0;
    for (size_t i = 0; i < x.size(); ++i) highest = std::max<double>(highest, logits.allowed[i] ? x[i] : -10'000);
    for (size_t i = 0; i < x.size(); ++i) sum += p[i] = std::exp((logits.allowed[i] ? x[i] : -10'000) - highest);
    for (double& value : p) value /= sum;
    return p;
  };
  const auto start = softmax(logits.start), end = softmax(logits.end);
  std::vector<AnswerSpan> spans;
  for (size_t i = 1; i < start.size(); ++i) {
    for (size_t k = i; k < start.size() && k - i < max_length; ++k) {
      if (logits.allowed[i] && logits.allowed[k]) spans.push_back({i, k, static_cast<float>(start[i] * end[k])});
    }
  }
  std::ranges::stable_sort(spans, std::greater<>(), &AnswerSpan::score);
  return spans;
}

TEST(AnswerSpans, AreTheBestOfAll) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  for (int round = 0; round < 200; ++round) {
    WindowLogits logits;
    const size_t length = 1 + random() % 40;
    for (size_t i = 0; i < length; ++i) {
      logits.start.push_back(normal(random));
      logits.end.push_back(normal(random));
      logits.allowed.push_back(i == 0 || random() % 4 != 0);
    }
    const size_t wanted = 1 + random() % 20, longest = 1 + random() % 15;
    const auto expected = Reference(logits, longest);
    const WindowAnswers answers = BestSpans(logits, wanted, longest);
    ASSERT_EQ(answers.spans.size(), std::min(wanted, expected.size()));
    for (size_t i = 0; i < answers.spans.size(); ++i) {
      ASSERT_NEAR(answers.spans[i].score, expected[i].score, 1e-5);
      ASSERT_LE(answers.spans[i].end - answers.spans[i].begin, longest - 1);
    }
    ASSERT_GE(answers.no_answer, 0);
  }
}

TEST(AnswerSpans, NothingAllowedIsNoAnswer) {
  WindowLogits logits{.start = {3, 1, 1}, .end = {3, 1, 1}, .allowed = {1, 0, 0}};
  const WindowAnswers answers = BestSpans(logits, 5, 15);
  EXPECT_TRUE(answers.spans.empty());
  EXPECT_FLOAT_EQ(answers.no_answer, 1);
  EXPECT_TRUE(BestSpans({}, 5, 15).spans.empty());
}

}  // namespace
}  // namespace bantam
