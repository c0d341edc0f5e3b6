// llama.cpp's own conformance vectors (data set tok-llamacpp-vocab): texts, and the ids without special tokens. For
// every vocabulary that is there as a GGUF file, from that file; and for those whose tokenizer is at hand in another
// form.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

struct Vectors {
  const char* name;
  const char* vectors;    // below tok-llamacpp-vocab, without .inp and .out
  const char* tokenizer;  // below the data sets; empty: the GGUF file itself
};

class LlamaCppVectors : public ::testing::TestWithParam<Vectors> {};

TEST_P(LlamaCppVectors, GivesTheirIds) {
  const std::string vectors = fmt::format("tok-llamacpp-vocab/{}", GetParam().vectors);
  BANTAM_REQUIRE_DATA(texts_path, vectors + ".inp");
  BANTAM_REQUIRE_DATA(answers_path, vectors + ".out");
  const std::string tokenizer_name = GetParam().tokenizer;
  BANTAM_REQUIRE_DATA(tokenizer_path, tokenizer_name.empty() ? vectors : tokenizer_name);
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

constexpr const char* kGguf = "tok-llamacpp-vocab/raw/ggml-vocab-";

INSTANTIATE_TEST_SUITE_P(Gguf, LlamaCppVectors,
                         ::testing::Values(Vectors{"BertBge", "raw/ggml-vocab-bert-bge.gguf", ""},
                                           Vectors{"DeepseekCoder", "raw/ggml-vocab-deepseek-coder.gguf", ""},
                                           Vectors{"DeepseekLlm", "raw/ggml-vocab-deepseek-llm.gguf", ""},
                                           Vectors{"Falcon", "raw/ggml-vocab-falcon.gguf", ""},
                                           Vectors{"Gpt2", "raw/ggml-vocab-gpt-2.gguf", ""},
                                           Vectors{"LlamaSpm", "raw/ggml-vocab-llama-spm.gguf", ""},
                                           Vectors{"Mpt", "raw/ggml-vocab-mpt.gguf", ""},
                                           Vectors{"Phi3", "raw/ggml-vocab-phi-3.gguf", ""},
                                           Vectors{"Refact", "raw/ggml-vocab-refact.gguf", ""},
                                           Vectors{"Starcoder", "raw/ggml-vocab-starcoder.gguf", ""}),
                         [](const auto& test) { return std::string(test.param.name); });

// These two have no vectors.
TEST(LlamaCppVocabularies, TheOthersLoadAndDecodeWhatTheyEncode) {
  for (const char* name : {"baichuan", "gpt-neox"}) {
    SCOPED_TRACE(name);
    BANTAM_REQUIRE_DATA(path, fmt::format("{}{}.gguf", kGguf, name));
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(path));
    constexpr std::string_view kText = "Hello, w\u00f6rld!  \u4f60\u597d \U0001F600\n\t 3.14";
    const Encoding encoding = tokenizer->Encode(kText, {.add_special_tokens = false});
    EXPECT_EQ(tokenizer->Decode(encoding.ids, {}), kText);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Others, LlamaCppVectors,
    ::testing::Values(Vectors{"Gpt2", "raw/ggml-vocab-gpt-2.gguf", "tok-hf-json/gpt2-vocab-merges/gpt2.vocab"},
                      Vectors{"Falcon", "raw/ggml-vocab-falcon.gguf", "tok-hf-json/falcon/tokenizer.json"},
                      Vectors{"Phi3", "raw/ggml-vocab-phi-3.gguf", "tok-hf-json/phi-3-mini/tokenizer.json"},
                      Vectors{"BertBge", "raw/ggml-vocab-bert-bge.gguf", "tok-bert-vocab/uncased_vocab.txt"},
                      Vectors{"RobertaBpe", "raw-feb2025/ggml-vocab-roberta-bpe.gguf",
                              "tok-hf-json/roberta-base/tokenizer.json"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace bantam
