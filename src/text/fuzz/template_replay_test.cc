// The fuzz target of templates over its corpus, and over mutations of it made from a seed: no clang needed.
#include <gtest/gtest.h>

#include <random>

#include "text/fuzz/replay_corpus.h"
#include "text/fuzz/template_fuzz.h"

namespace bantam::text {
namespace {

std::vector<std::string> Corpus() { return ReplayCorpus("src/text/fuzz/template_corpus"); }

TEST(TemplateReplay, Corpus) {
  const std::vector<std::string> corpus = Corpus();
  EXPECT_GE(corpus.size(), 10U);
  for (const std::string& input : corpus) FuzzTemplate(input);
}

TEST(TemplateReplay, TenThousandMutations) {
  const std::vector<std::string> corpus = Corpus();
  static constexpr const char* kParts[] = {"{{",
                                           "}}",
                                           "{%",
                                           "%}",
                                           "{%-",
                                           "-%}",
                                           "{#",
                                           "#}",
                                           "{% raw %}",
                                           "{% endraw %}",
                                           "{% if n %}",
                                           "{% endif %}",
                                           "{% else %}",
                                           "{% for x in messages %}",
                                           "{% endfor %}",
                                           "{% set x = x %}",
                                           "{% macro m(a, b=1) %}",
                                           "{% endmacro %}",
                                           "{{ m(1) }}",
                                           "(",
                                           ")",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           "'",
                                           "\"",
                                           "\\",
                                           " | ",
                                           " is ",
                                           " not ",
                                           " in ",
                                           " if ",
                                           " else ",
                                           "*",
                                           "**",
                                           "~",
                                           ":",
                                           "::",
                                           "-1",
                                           "1e999",
                                           "99999999999999999999",
                                           ".x",
                                           "|list",
                                           "|tojson",
                                           "|sort",
                                           "|join",
                                           "|map('upper')",
                                           "messages",
                                           "deep",
                                           "loop",
                                           "caller",
                                           "\xFF",
                                           "\xE2\x80\xA8",
                                           "\n",
                                           "\r\n",
                                           "\t",
                                           "{% break %}",
                                           "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
                                           "* 99999",
                                           "|batch(2)"};
  std::mt19937 random(17);
  for (int i = 0; i < 10'000; ++i) {
    std::string input = corpus[random() % corpus.size()];
    for (size_t edits = 1 + random() % 5; edits > 0 && input.size() > 1; --edits) {
      const size_t at = random() % input.size();
      switch (random() % 6) {
        case 0:
          input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
          break;
        case 1:
          input.erase(at, 1 + random() % 8);
          break;
        case 2:
        case 3:
          input.insert(at, kParts[random() % std::size(kParts)]);
          break;
        case 4:
          input.insert(at, input.substr(random() % input.size(), random() % 60));
          break;
        default: {
          const std::string& other = corpus[random() % corpus.size()];
          input.insert(at, other.substr(random() % other.size(), random() % 60));
        }
      }
    }
    FuzzTemplate(input);
  }
}

}  // namespace
}  // namespace bantam::text
