// The kinds of tokenizers inside GGUF files, on small vocabularies: special tokens, flags, and what is refused. Real
// vocabularies: llamacpp_vectors_test.cc and tests/differential/test_gguf_tokenizers.py.
#include "text/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"
#include "text/text_pair.h"

namespace bantam::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = GgufVocab::TokenType;

GgufVocab Vocab(std::string model, const std::vector<std::pair<std::string_view, Type>>& tokens) {
  GgufVocab vocab;
  vocab.model = std::move(model);
  vocab.place = "m.gguf: 'tokenizer.ggml";
  for (const auto& [token, type] : tokens) {
    vocab.tokens.push_back(token);
    vocab.types.push_back(type);
  }
  return vocab;
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  return tokenizer.Encode(text, options).ids;
}

GgufVocab Bert() {
  GgufVocab vocab = Vocab("bert", {{"[PAD]", Type::kControl},
                                   {"[UNK]", Type::kUnknown},
                                   {"[CLS]", Type::kControl},
                                   {"[SEP]", Type::kControl},
                                   {"\u2581play", Type::kNormal},
                                   {"ing", Type::kNormal},
                                   {"\u2581.", Type::kNormal},
                                   {"[unused1]", Type::kNormal}});
  vocab.unknown = 1;
  vocab.bos = 2;
  vocab.separator = 3;
  return vocab;
}

TEST(GgufTokenizer, WordPieceMarksBeginningsOfWords) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, MakeGgufTokenizer(Bert()));
  EXPECT_THAT(Ids(*tokenizer, "Playing. xyz"), ElementsAre(2, 4, 5, 6, 1, 3));
  // No text becomes a special token unless asked to.
  EXPECT_THAT(Ids(*tokenizer, "[SEP]", {.add_special_tokens = false}), ElementsAre(1, 1, 1));
  EXPECT_THAT(Ids(*tokenizer, "play[SEP]play", {.recognize_special_tokens = true}), ElementsAre(2, 4, 3, 4, 3));
  EXPECT_EQ(tokenizer->TokenText(5), "##ing");
  EXPECT_EQ(tokenizer->TokenText(7), "[unused1]");
  const Encoding encoding = tokenizer->Encode("Playing.", {.offsets = true});
  EXPECT_EQ(encoding.offsets[2], (TokenSpan{4, 7}));
}

// Token 7 for the first text, 8 for the second.
std::vector<int32_t> JoinedIds(const Tokenizer& tokenizer, std::vector<int32_t>* types = nullptr) {
  JoinedTokens joined = JoinTokens(tokenizer.pair_template(), std::vector<int32_t>{7}, std::vector<int32_t>{8});
  if (types != nullptr) *types = joined.type_ids;
  return joined.ids;
}

TEST(GgufTokenizer, WordPieceJoinsTwoTexts) {
  GgufVocab vocab = Bert();
  ASSERT_OK_AND_ASSIGN(auto tokenizer, MakeGgufTokenizer(vocab));
  std::vector<int32_t> types;
  EXPECT_THAT(JoinedIds(*tokenizer, &types), ElementsAre(2, 7, 3, 8, 3));
  EXPECT_THAT(types, ElementsAre(0, 0, 0, 1, 1));
  vocab.add_separator = true;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(2, 7, 3, 3, 8, 3));
}

TEST(GgufTokenizer, WordPieceLowersUnlessItsVocabularyHasCapitals) {
  GgufVocab vocab = Bert();
  vocab.tokens.push_back("\u2581Play");
  vocab.types.push_back(Type::kNormal);
  ASSERT_OK_AND_ASSIGN(auto tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "Play play", {.add_special_tokens = false}), ElementsAre(8, 4));
  vocab.lowercase = true;  // the file says so
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "Play play", {.add_special_tokens = false}), ElementsAre(4, 4));
}

GgufVocab Llama() {
  std::vector<std::pair<std::string_view, Type>> tokens = {
      {"<unk>", Type::kUnknown}, {"<s>", Type::kControl}, {"</s>", Type::kControl}};
  static const std::vector<std::string> kBytes = [] {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(fmt::format("<0x{:02X}>", byte));
    return bytes;
  }();
  for (const std::string& byte : kBytes) tokens.emplace_back(byte, Type::kByte);
  for (const char* normal : {"\u2581", "a", "b", "\u2581a", "ab", "\u2581ab"})
    tokens.emplace_back(normal, Type::kNormal);
  tokens.emplace_back("<user>", Type::kUserDefined);  // 265
  GgufVocab vocab = Vocab("llama", tokens);
  vocab.scores.assign(tokens.size(), 0);
  vocab.scores[262] = -1;  // "▁a" before "ab"
  vocab.scores[263] = -2;
  vocab.scores[264] = -3;
  for (size_t id = 259; id < 262; ++id) vocab.scores[id] = -100;
  vocab.bos = 1, vocab.eos = 2, vocab.unknown = 0;
  return vocab;
}

TEST(GgufTokenizer, SentencePieceBpe) {
  GgufVocab vocab = Llama();
  ASSERT_OK_AND_ASSIGN(auto tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "ab"), ElementsAre(1, 264));
  EXPECT_THAT(Ids(*tokenizer, "\u00e9", {.add_special_tokens = false}), ElementsAre(259, 3 + 0xC3, 3 + 0xA9));
  // A user-defined token always, a control token when asked for; each text after one begins anew.
  EXPECT_THAT(Ids(*tokenizer, "ab<user>ab"), ElementsAre(1, 264, 265, 264));
  EXPECT_THAT(Ids(*tokenizer, "a</s>a", {.add_special_tokens = false, .recognize_special_tokens = true}),
              ElementsAre(262, 2, 262));
  const auto plain = Ids(*tokenizer, "a</s>a", {.add_special_tokens = false});
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 2), 0);
  EXPECT_EQ(tokenizer->Decode(Ids(*tokenizer, "ab \u00e9<user>b"), {}), "ab \u00e9<user> b");
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{1, 264, 2}, {.skip_special_tokens = false}), "<s> ab</s>");

  const Encoding encoding = tokenizer->Encode("\u00e4<user>ab", {.offsets = true, .max_tokens = 6});
  EXPECT_THAT(encoding.ids, ElementsAre(1, 259, 3 + 0xC3, 3 + 0xA4, 265, 264));
  EXPECT_EQ(encoding.offsets[4], (TokenSpan{1, 7}));
  EXPECT_EQ(encoding.offsets[5], (TokenSpan{7, 9}));
  EXPECT_FALSE(encoding.truncated());
  EXPECT_EQ(tokenizer->Encode("abababab", {.max_tokens = 2}).ids.size(), 2u);

  vocab.add_bos = false, vocab.add_eos = true, vocab.add_space_prefix = false;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "ab"), ElementsAre(263, 2));
}

TEST(GgufTokenizer, SentencePieceUnigram) {
  GgufVocab vocab = Vocab("t5", {{"<pad>", Type::kControl},
                                 {"</s>", Type::kControl},
                                 {"<unk>", Type::kUnknown},
                                 {"\u2581a", Type::kNormal},
                                 {"b", Type::kNormal},
                                 {"\u2581ab", Type::kNormal}});
  vocab.scores = {0, 0, 0, -1, -1, -5};
  vocab.eos = 1, vocab.unknown = 2, vocab.padding = 0;
  vocab.add_space_prefix = true, vocab.remove_extra_whitespaces = true;
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "  ab  "), ElementsAre(3, 4, 1));
  EXPECT_THAT(Ids(*tokenizer, "azz"), ElementsAre(3, 2, 1));
}

TEST(GgufTokenizer, SentencePieceJoinsTwoTexts) {
  GgufVocab vocab = Vocab("t5", {{"<s>", Type::kControl},
                                 {"<pad>", Type::kControl},
                                 {"</s>", Type::kControl},
                                 {"<unk>", Type::kUnknown},
                                 {"\u2581a", Type::kNormal}});
  vocab.scores = {0, 0, 0, 0, -1};
  vocab.bos = 0, vocab.eos = 2, vocab.unknown = 3, vocab.add_bos = true, vocab.add_eos = true;
  ASSERT_OK_AND_ASSIGN(auto tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(0, 7, 2, 8, 2));
  // Named and not spoken of, as in older files of XLM-RoBERTa: between texts there are two.
  vocab.separator = 2;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(0, 7, 2, 2, 8, 2));
  vocab.add_separator = false;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(0, 7, 2, 8, 2));
}

GgufVocab Bpe(std::string pre) {
  GgufVocab vocab = Vocab("gpt2", {{"a", Type::kNormal},
                                   {"b", Type::kNormal},
                                   {"\u0120", Type::kNormal},
                                   {"ab", Type::kNormal},
                                   {"1", Type::kNormal},
                                   {"11", Type::kNormal},
                                   {"<|end|>", Type::kControl},
                                   {"aba", Type::kNormal}});
  vocab.merges = {"a b", "1 1"};
  vocab.pre = std::move(pre);
  return vocab;
}

TEST(GgufTokenizer, ByteLevelBpeByTheNameOfItsPreTokenizer) {
  ASSERT_OK_AND_ASSIGN(auto tokenizer, MakeGgufTokenizer(Bpe("gpt-2")));
  EXPECT_THAT(Ids(*tokenizer, "ab 11"), ElementsAre(3, 2, 5));
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(Bpe("qwen2")));
  EXPECT_THAT(Ids(*tokenizer, "ab 11"), ElementsAre(3, 2, 4, 4));
  // A word that is a token is not built of its parts.
  EXPECT_THAT(Ids(*tokenizer, "aba"), ElementsAre(3, 0));
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(Bpe("llama-bpe")));
  EXPECT_THAT(Ids(*tokenizer, "aba"), ElementsAre(7));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{3, 2, 5, 6}, {}), "ab 11");
  GgufVocab vocab = Bpe("llama-bpe");
  vocab.bos = vocab.eos = 6;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "ab"), ElementsAre(6, 3));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(6, 7, 8));
  vocab.add_bos = false, vocab.add_eos = true;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(Ids(*tokenizer, "ab"), ElementsAre(3, 6));
  vocab.separator = 0, vocab.add_separator = true;
  ASSERT_OK_AND_ASSIGN(tokenizer, MakeGgufTokenizer(vocab));
  EXPECT_THAT(JoinedIds(*tokenizer), ElementsAre(7, 6, 0, 8, 6));
}

TEST(GgufTokenizer, EveryPreTokenizerLoads) {
  const auto refused = MakeGgufTokenizer(Bpe("no such"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("m.gguf: 'tokenizer.ggml.pre' is \"no such\""));
  std::string_view names = refused.error().message;
  names.remove_prefix(names.find("it knows: ") + 10);
  size_t count = 0;
  for (size_t begin = 0; begin < names.size(); ++count) {
    const size_t end = std::min(names.find(' ', begin), names.size());
    const std::string name(names.substr(begin, end - begin));
    SCOPED_TRACE(name);
    EXPECT_OK(MakeGgufTokenizer(Bpe(name)));
    begin = end + 1;
  }
  EXPECT_GE(count, 50u);
  EXPECT_OK(MakeGgufTokenizer(Bpe("")));  // as "default"
}

TEST(GgufTokenizer, RefusesByName) {
  const auto message = [](const GgufVocab& vocab) {
    const auto made = MakeGgufTokenizer(vocab);
    return made ? std::string() : made.error().message;
  };
  for (const char* model : {"rwkv", "plamo2", "gemma4", "no_vocab"}) {
    EXPECT_THAT(message(Vocab(model, {})), HasSubstr(fmt::format("'tokenizer.ggml.model' is \"{}\"", model)));
  }
  GgufVocab vocab = Llama();
  vocab.scores.clear();
  EXPECT_THAT(message(vocab), HasSubstr("'tokenizer.ggml.scores' is missing"));
  vocab = Bpe("gpt-2");
  vocab.merges = {"a b", "a z"};
  EXPECT_THAT(message(vocab), HasSubstr("merges/1 needs the token"));
  vocab.merges = {"a b c"};
  EXPECT_THAT(message(vocab), HasSubstr("'tokenizer.ggml.merges' element 0"));
  vocab = Bpe("gpt-2");
  vocab.add_bos = true;
  EXPECT_THAT(message(vocab), HasSubstr("'tokenizer.ggml.bos_token_id' is missing"));
  vocab = Bpe("gpt-2");
  vocab.tokens[1] = "\xFF";
  EXPECT_THAT(message(vocab), HasSubstr("element 1 is not well-formed UTF-8"));
  vocab = Bpe("gpt-2");
  vocab.tokens[1] = "a";
  EXPECT_THAT(message(vocab), HasSubstr("twice"));
  vocab = Bert();
  vocab.unknown = -1;
  vocab.tokens[1] = "[NONE]";
  EXPECT_THAT(message(vocab), HasSubstr("unknown_token_id' is missing"));
}

}  // namespace
}  // namespace bantam::text
