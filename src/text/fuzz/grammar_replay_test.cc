// The fuzz target of constrained output over its corpus, and over mutations of it made from a seed: no clang needed.
#include <gtest/gtest.h>

#include <random>

#include "text/fuzz/grammar_fuzz.h"
#include "text/fuzz/replay_corpus.h"

namespace bantam::text {
namespace {

std::vector<std::string> Corpus() { return ReplayCorpus("src/text/fuzz/grammar_corpus"); }

TEST(GrammarReplay, Corpus) {
  const std::vector<std::string> corpus = Corpus();
  EXPECT_GE(corpus.size(), 9U);
  for (const std::string& input : corpus) FuzzGrammar(input);
}

TEST(GrammarReplay, FiveThousandMutations) {
  const std::vector<std::string> corpus = Corpus();
  static constexpr const char* kParts[] = {"(",
                                           ")",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           "|",
                                           "*",
                                           "+",
                                           "?",
                                           "{2}",
                                           "{0,3}",
                                           "^",
                                           "$",
                                           ".",
                                           "\\",
                                           "\"",
                                           "::=",
                                           "root",
                                           "\n",
                                           "#",
                                           "\\u00e4",
                                           "[^a]",
                                           "\"a\"",
                                           "\xFF",
                                           "\"$ref\":\"#\",",
                                           "\"type\":\"string\",",
                                           "\"type\":[\"null\",\"integer\"],",
                                           "\"minimum\":3,",
                                           "\"maxLength\":2,",
                                           "\"allOf\":[{}],",
                                           "\"const\":1e300,",
                                           "\"pattern\":\"a+\",",
                                           "\"required\":[\"a\"],",
                                           "\"items\":false,",
                                           "\"additionalProperties\":false,",
                                           "true",
                                           "null",
                                           "-1",
                                           "1e2",
                                           "0.5"};
  std::mt19937 random(23);
  for (int i = 0; i < 5'000; ++i) {
    std::string input = corpus[random() % corpus.size()];
    for (size_t edits = 1 + random() % 4; edits > 0 && input.size() > 2; --edits) {
      const size_t at = 1 + random() % (input.size() - 1);
      switch (random() % 5) {
        case 0:
          input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
          break;
        case 1:
          input.erase(at, 1 + random() % 6);
          break;
        case 2:
        case 3:
          input.insert(at, kParts[random() % std::size(kParts)]);
          break;
        default:
          input.insert(at, input.substr(1 + random() % (input.size() - 1), random() % 40));
      }
    }
    FuzzGrammar(input);
  }
}

}  // namespace
}  // namespace bantam::text
