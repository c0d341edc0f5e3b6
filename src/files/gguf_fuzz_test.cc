// The fuzz target without a fuzzer: over its corpus, and over seeded mutations of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/testing.h"
#include "files/fuzz/gguf_fuzz.h"
#include "files/fuzz/gguf_mutator.h"
#include "files/gguf_builder.h"

namespace bantam {
namespace {

constexpr const char* kCorpus = "src/files/fuzz/gguf_corpus";

// A copy of its own, so that a sanitizer sees a read past the end.
int RunFuzzTarget(std::string_view text) {
  const std::vector<uint8_t> exact(text.begin(), text.end());
  return RunGgufFuzz(exact.data(), exact.size());
}

std::vector<std::string> Corpus() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    files.push_back(ReadFile(entry.path()).value_or(""));
  }
  std::sort(files.begin(), files.end());  // the order of a folder is not the same everywhere
  return files;
}

TEST(GgufFuzz, CorpusReplays) {
  size_t accepted = 0;
  const std::vector<std::string> corpus = Corpus();
  for (const std::string& bytes : corpus) accepted += RunFuzzTarget(bytes) == 0;
  // All of them are what the format's own package wrote.
  EXPECT_EQ(accepted, corpus.size());
  EXPECT_GE(corpus.size(), 6u);
}

// F-62. Bit flips, inserts, deletes, and edits of whole numbers; whatever is accepted is then read in full.
TEST(GgufFuzz, FiveThousandMutations) {
  std::vector<std::string> seeds = Corpus();
  seeds.push_back(testing::TinyBertGguf());
  constexpr uint64_t kNumbers[] = {0,       1,          2,          8,          9,          13,         255,
                                   1 << 16, 1ULL << 31, UINT32_MAX, 1ULL << 32, 1ULL << 61, 1ULL << 63, UINT64_MAX};
  std::mt19937 random(20261125);
  const auto below = [&](size_t limit) { return limit == 0 ? size_t{0} : random() % limit; };
  size_t accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = seeds[below(seeds.size())];
    for (size_t edits = 1 + below(3); edits > 0 && bytes.size() > 16; --edits) {
      const size_t at = below(std::min<size_t>(bytes.size() - 8, below(8) == 0 ? bytes.size() : 1500));
      switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 1:
          bytes.insert(at, 1 + below(4), static_cast<char>(below(256)));
          break;
        case 2:
          bytes.erase(at, 1 + below(8));
          break;
        case 3: {
          const uint64_t number = kNumbers[below(std::size(kNumbers))];
          std::memcpy(bytes.data() + at, &number, below(2) == 0 ? 4 : 8);
          break;
        }
      }
    }
    accepted += RunFuzzTarget(bytes) == 0;
  }
  RecordProperty("accepted", static_cast<int>(accepted));
  EXPECT_GT(accepted, 0u);  // or the mutations would prove nothing about use after acceptance
  EXPECT_LT(accepted, 5000u);
}

// The same by what the bytes mean: these come much further into the reader.
TEST(GgufFuzz, FiveThousandMutationsOfFields) {
  std::vector<std::string> seeds = Corpus();
  seeds.push_back(testing::TinyBertGguf());
  std::mt19937 random(20261126);
  size_t accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    accepted += RunFuzzTarget(MutateGguf(seeds[random() % seeds.size()], random)) == 0;
  }
  EXPECT_GT(accepted, 500u);
  EXPECT_LT(accepted, 4500u);
}

}  // namespace
}  // namespace bantam
