// llama.cpp's own conformance vectors (data set tok-llamacpp-vocab), for the models whose tokenizer is at hand in
// another form: texts, and the ids without special tokens.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

struct Vectors {
  const char* name;
  const char* vectors;    // below tok-llamacpp-vocab, without .inp and .out
  const char* tokenizer;  // below the data sets
};

class LlamaCppVectors : public ::testing::TestWithParam<Vectors> {};

TEST_P(LlamaCppVectors, GivesTheirIds) {
  const std::string vectors = fmt::format("tok-llamacpp-vocab/{}", GetParam().vectors);
  BANTAM_REQUIRE_DATA(texts_path, vectors + ".inp");
  BANTAM_REQUIRE_DATA(answers_path, vectors + ".out");
  BANTAM_REQUIRE_DATA(tokenizer_path, GetParam().tokenizer);
  ASSERT_OK_AND_ASSIGN(const std::string texts, ReadFile(texts_path));
  ASSERT_OK_AND_ASSIGN(const std::string answers, ReadFile(answers_path));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(tokenizer_path));
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  size_t count = 0, text_begin = 0;
  for (size_t begin = 0, end; (end = answers.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const size_t text_end = std::min(texts.find(kSeparator, text_begin), texts.size());
    const std::string_view text = std::string_view(texts).substr(text_begin, text_end - text_begin);
    text_begin = std::min(text_end + kSeparator.size(), texts.size());
    const Encoding encoding = tokenizer->Encode(text, {.add_special_tokens = false});
    std::string ids;
    for (const int32_t id : encoding.ids) ids += fmt::format(" {}", id);
    EXPECT_EQ(ids, answers.substr(begin, end - begin)) << '"' << text << '"';
    ++count;
  }
  EXPECT_GE(count, 45U);
}

INSTANTIATE_TEST_SUITE_P(
    All, LlamaCppVectors,
    ::testing::Values(Vectors{"Gpt2", "raw/ggml-vocab-gpt-2.gguf", "tok-hf-json/gpt2-vocab-merges/gpt2.vocab"},
                      Vectors{"Falcon", "raw/ggml-vocab-falcon.gguf", "tok-hf-json/falcon/tokenizer.json"},
                      Vectors{"Phi3", "raw/ggml-vocab-phi-3.gguf", "tok-hf-json/phi-3-mini/tokenizer.json"},
                      Vectors{"BertBge", "raw/ggml-vocab-bert-bge.gguf", "tok-bert-vocab/uncased_vocab.txt"},
                      Vectors{"RobertaBpe", "raw-feb2025/ggml-vocab-roberta-bpe.gguf",
                              "tok-hf-json/roberta-base/tokenizer.json"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace bantam
