// The fuzz target over its corpus, and over mutations of it made from a seed: no clang needed.
#include <gtest/gtest.h>

#include <random>

#include "text/fuzz/replay_corpus.h"
#include "text/fuzz/tokenizer_fuzz.h"

namespace bantam::text {
namespace {

std::vector<std::string> Corpus() { return ReplayCorpus("src/text/fuzz/corpus"); }

TEST(FuzzReplay, Corpus) {
  const std::vector<std::string> corpus = Corpus();
  EXPECT_GE(corpus.size(), 10U);
  for (const std::string& input : corpus) FuzzTokenizer(input);
}

TEST(FuzzReplay, FiveThousandMutations) {
  const std::vector<std::string> corpus = Corpus();
  static constexpr const char* kTokens[] = {
      "[",      "]",          "{",     "}",  "\"",      "null",         "-1",
      "1e400",  "2147483648", ",",     ":",  "\\u0000", "\xED\xA0\x80", "\xF0\x9F",
      "\u0301", "\u0130",     "[SEP]", "##", "true",    "\"\"",         "0.5"};
  std::mt19937 random(11);
  for (int i = 0; i < 5'000; ++i) {
    std::string input = corpus[random() % corpus.size()];
    for (size_t edits = 1 + random() % 4; edits > 0 && input.size() > 1; --edits) {
      const size_t at = 1 + random() % (input.size() - 1);
      switch (random() % 5) {
        case 0:
          input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
          break;
        case 1:
          input.erase(at, 1 + random() % 8);
          break;
        case 2:
          input.insert(at, kTokens[random() % std::size(kTokens)]);
          break;
        case 3:
          input.insert(at, input.substr(1 + random() % (input.size() - 1), random() % 40));
          break;
        default:
          input.resize(at);
          break;
      }
    }
    FuzzTokenizer(input);
  }
}

}  // namespace
}  // namespace bantam::text
