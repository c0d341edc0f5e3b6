// Broken files of the kinds that tokenizer_file_test.cc does not cover: each is refused with the place and the reason.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "base/text_util.h"
#include "text/loaders.h"
#include "text/pattern.h"

namespace bantam {
namespace {

struct Case {
  const char* name;
  std::string json;
  std::string error;  // how it begins, after "t.json: "
};

std::string Bpe(std::string_view merges, std::string_view more = "", std::string_view parts = "") {
  return fmt::format(R"({{"model":{{"type":"BPE","vocab":{{"a":0,"b":1,"ab":2,"##b":3}},"merges":{}{}}}{}}})", merges,
                     more, parts);
}

std::string With(std::string_view part, std::string_view config) {
  return Bpe("[]", "", fmt::format(R"(,"{}":{})", part, config));
}

std::string SplitBy(std::string_view pattern) {
  return With(
      "pre_tokenizer",
      fmt::format(R"({{"type":"Split","pattern":{{"Regex":"{}"}},"behavior":"Isolated","invert":false}})", pattern));
}

std::string Unigram(std::string_view vocab, std::string_view unknown = "0") {
  return fmt::format(R"({{"model":{{"type":"Unigram","vocab":{},"unk_id":{}}}}})", vocab, unknown);
}

TEST(PartsFile, EachIsRefusedByName) {
  std::string deep = R"({"type":"Lowercase"})";
  for (int i = 0; i < 10'000; ++i) deep = R"({"type":"Sequence","normalizers":[)" + deep + "]}";
  std::string many = R"({"type":"Sequence","pretokenizers":[)";
  for (int i = 0; i < 65; ++i) many += R"({"type":"Whitespace"},)";
  many.back() = ']';
  const Case cases[] = {
      {"merge of a token that is not there", Bpe(R"(["a b","a c"])"),
       "/model/merges/1 needs the token \"c\", which is not in /model/vocab"},
      {"merge to a token that is not there", Bpe(R"(["a b",["b","a"]])"),
       "/model/merges/1 needs the token \"ba\", which is not in /model/vocab"},
      {"merge of one", Bpe(R"(["ab"])"), "/model/merges/0 is \"ab\", expected two tokens with a space between"},
      {"merge of three", Bpe(R"(["a b a"])"), "/model/merges/0 is \"a b a\", expected two tokens with a space between"},
      {"merge of a list of one", Bpe(R"([["a"]])"), "/model/merges/0 is neither a string nor a pair of strings"},
      {"merge of a number", Bpe("[7]"), "/model/merges/0 is neither a string nor a pair of strings"},
      {"merge shorter than the prefix", Bpe(R"(["a b"])", R"(,"continuing_subword_prefix":"##")"),
       "/model/merges/0 has \"b\", which is shorter than the prefix of continuing tokens"},
      {"no merges", R"({"model":{"type":"BPE","vocab":{"a":0}}})", "/model/merges is missing, expected an array [...]"},
      {"dropout", Bpe("[]", R"(,"dropout":0.1)"), "/model/dropout is not 0"},
      {"unknown token that is not there", Bpe("[]", R"(,"unk_token":"<unk>")"),
       "/model/unk_token is \"<unk>\", which is not in /model/vocab"},
      {"an id twice", R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})",
       "/model/vocab/b has the id 0, which \"a\" has already"},
      {"Unigram without scores", Unigram(R"(["a"])"), ""},
      {"Unigram without tokens", Unigram("[]"), "/model/vocab is empty"},
      {"Unigram without an unknown token", Unigram(R"([["a",-1]])", "null"), "/model/unk_id is null"},
      {"Unigram whose unknown token is not there", Unigram(R"([["a",-1]])", "1"),
       "/model/unk_id is 1, expected an integer from 0 to 0"},
      {"Unigram with a token twice", Unigram(R"([["a",-1],["a",-2]])"), "/model/vocab"},
      {"WordLevel without its unknown token", R"({"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"u"}})",
       "/model/unk_token is \"u\", which is not in /model/vocab"},
      {"look-ahead", SplitBy(R"-(a(?!b))-"), "/pre_tokenizer/pattern/Regex is \"a(?!b)\", which looks around ((?!b)"},
      {"possessive", SplitBy(R"-(a++)-"),
       "/pre_tokenizer/pattern/Regex is \"a++\", which RE2 cannot do (bad repetition operator: ++)"},
      {"back reference", SplitBy(R"-((a)\\1)-"),
       "/pre_tokenizer/pattern/Regex is \"(a)\\1\", which has the escape \\1"},
      {"a pattern of nothing", SplitBy(R"-(a*)-"),
       "/pre_tokenizer/pattern/Regex is \"a*\", which can match nothing at all"},
      {"unknown behavior", With("pre_tokenizer", R"({"type":"Punctuation","behavior":"Eaten"})"),
       "/pre_tokenizer/behavior is \"Eaten\", expected one of Removed, Isolated"},
      {"an unknown part in a sequence",
       With("normalizer", R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"X"}]})"),
       "/normalizer/normalizers/1/type is \"X\", which this version cannot do"},
      {"nested ten thousand deep", With("normalizer", deep), ""},
      {"too many parts", With("pre_tokenizer", many + "}"), "/pre_tokenizer/pretokenizers"},
      {"Replace that swells",
       With("normalizer",
            fmt::format(R"({{"type":"Replace","pattern":{{"String":"a"}},"content":"{}"}})", std::string(65, 'x'))),
       "/normalizer/content has more than 64 bytes"},
      {"a character map that is not base64", With("normalizer", R"({"type":"Precompiled","precompiled_charsmap":"*"})"),
       "/normalizer/precompiled_charsmap is not base64"},
      {"a character map that claims too much",
       With("normalizer", R"({"type":"Precompiled","precompiled_charsmap":"/////wAAAAA="})"),
       "/normalizer/precompiled_charsmap claims a trie of 4294967295 bytes and has 4"},
      {"Metaspace without a character", With("pre_tokenizer", R"({"type":"Metaspace","replacement":""})"),
       "/pre_tokenizer/replacement is \"\", expected one character"},
      {"an unknown decoder", With("decoder", R"({"type":"Rot13"})"), "/decoder/type is \"Rot13\""},
      {"processing with a token of another id",
       With("post_processor", R"({"type":"BertProcessing","cls":["a",0],"sep":["b",7]})"),
       "/post_processor/sep/1 is 7 for \"b\", which has the id 1"},
  };
  for (const Case& test : cases) {
    const auto tokenizer = Tokenizer::FromJson(test.json, "t.json");
    ASSERT_FALSE(tokenizer.has_value()) << test.name;
    EXPECT_TRUE(tokenizer.error().message.starts_with("t.json")) << test.name << ": " << tokenizer.error().message;
    EXPECT_NE(tokenizer.error().message.find(test.error), std::string::npos)
        << test.name << ": " << tokenizer.error().message << "\nexpected " << test.error;
  }
}

std::string ErrorOf(const Result<std::unique_ptr<Tokenizer>>& result) {
  return result ? "it loads" : result.error().message;
}

TEST(PartsFile, RanksAreRefusedByLine) {
  EXPECT_EQ(ErrorOf(text::LoadTiktoken("IQ== 0\n", "t", "gpt9")),
            "t: ranks do not say how text is cut into words; name the file after its encoding, one of gpt2, r50k_base, "
            "p50k_base, p50k_edit, cl100k_base, o200k_base");
  EXPECT_EQ(ErrorOf(text::LoadTiktoken("IQ== 0\nIg 1\n", "t", "gpt2")),
            "t:2: is \"Ig 1\", expected a token in base64, a space and its rank");
  EXPECT_EQ(ErrorOf(text::LoadTiktoken("IQ== 0\nIg== 99999999999999999999\n", "t", "gpt2")),
            "t:2: is \"Ig== 99999999999999999999\", expected a token in base64, a space and its rank");
  EXPECT_EQ(ErrorOf(text::LoadTiktoken("IQ== 0\nIg== 0\n", "t", "gpt2")),
            "t:2: /\" has the id 0, which \"!\" has already");
  EXPECT_EQ(ErrorOf(text::LoadTiktoken("IQ== 0\n", "t", "gpt2")),
            "t: has no token for the byte 0: text with it could not be encoded");
}

TEST(PartsFile, SentencePieceModelsAreRefusedByField) {
  using std::string_literals::operator""s;
  const std::string unknown = "\x0A\x0B\x0A\x05<unk>\x18\x02"s.replace(1, 1, 1, '\x09');
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece("", "t")), "t: has no pieces: it is no SentencePiece model");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece("not a model", "t")),
            "t: the model is no SentencePiece model: it breaks off at byte 0 of 11");
  // A piece that claims 2^63 bytes.
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", "t")),
            "t: the model is no SentencePiece model: it breaks off at byte 0 of 10");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece(unknown, "t")), "it loads");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece(unknown + unknown, "t")), "t: pieces[1] is a second unknown piece");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece("\x0A\x03\x0A\x01"
                                            "a",
                                            "t")),
            "t: has no unknown piece");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece("\x0A\x03\x0A\x01\xFF", "t")), "t: pieces[0].piece is not UTF-8 text");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece(unknown + "\x12\x02\x18\x03", "t")),
            "t: trainer_spec.model_type is 3, this version knows 1 (unigram) and 2 (BPE)");
  EXPECT_EQ(ErrorOf(text::LoadSentencePiece(unknown + "\x12\x03\x98\x02\x01", "t")),
            "t: has byte_fallback, but no byte piece <0x00>");
}

TEST(PartsFile, VocabulariesAreRefusedByLine) {
  EXPECT_EQ(ErrorOf(text::LoadVocabTxt("a\nb\n", "vocab.txt", {})),
            "vocab.txt: has no line [UNK]: it is no vocabulary of BERT");
  EXPECT_EQ(ErrorOf(text::LoadVocabTxt("[UNK]\r\na\r\n", "vocab.txt", {})), "it loads");
  EXPECT_EQ(ErrorOf(text::LoadVocabAndMerges(R"({"a":0})", "#version: 0.2\na b c\n", "vocab.json", "merges.txt")),
            "merges.txt:2: is \"a b c\", expected two tokens with a space between");
  EXPECT_EQ(ErrorOf(text::LoadVocabAndMerges(R"(["a"])", "", "vocab.json", "merges.txt")).substr(0, 10), "vocab.json");
}

TEST(PartsFile, OldVocabulariesWorkAsTheirTokenizers) {
  ASSERT_OK_AND_ASSIGN(const auto bert, text::LoadVocabTxt("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", "vocab.txt", {}));
  EXPECT_EQ(bert->Encode("AB b", {}).ids, (std::vector<int32_t>{2, 4, 5, 1, 3}));
  EXPECT_EQ(bert->Decode(std::vector<int32_t>{2, 4, 5, 3}, {}), "ab");
  ASSERT_OK_AND_ASSIGN(
      const auto roberta,
      text::LoadVocabAndMerges(R"({"<s>":0,"</s>":1,"a":2,"b":3,"ab":4,"<mask>":5})", "a b\n", "v", "m"));
  EXPECT_EQ(roberta->Encode("abb", {}).ids, (std::vector<int32_t>{0, 4, 3, 1}));
  EXPECT_EQ(roberta->Encode("ab <mask>", {.recognize_special_tokens = true}).ids, (std::vector<int32_t>{0, 4, 5, 1}));
  ASSERT_OK_AND_ASSIGN(const auto gpt2, text::LoadVocabAndMerges(R"({"<|endoftext|>":0,"a":2,"b":3,"ab":4})",
                                                                 "#version: 0.2\na b\n", "v", "m"));
  EXPECT_EQ(gpt2->Encode("abb", {}).ids, (std::vector<int32_t>{4, 3}));
}

TEST(Pattern, TranslatesClassesToTheReferencesOwn) {
  ASSERT_OK_AND_ASSIGN(const std::string digit, text::TranslateToRe2(R"(\d)"));
  EXPECT_TRUE(digit.starts_with(R"([\x{30}-\x{39}\x{660}-\x{669})")) << digit.substr(0, 60);
  ASSERT_OK_AND_ASSIGN(const std::string space, text::TranslateToRe2(R"([^a\s])"));
  EXPECT_TRUE(space.starts_with(R"([^a\x{9}-\x{D}\x{20}-\x{20}\x{85}-\x{85}\x{A0}-\x{A0})")) << space.substr(0, 60);
  EXPECT_OK(text::TranslateToRe2(R"([(\s|[.,!?])]+)"));
  for (const char* pattern : {R"(\bx)", R"([a&&b])", R"([[:alpha:]])", R"(\p{Greek})", "[a", R"(\)", R"((?<=a)b)"}) {
    EXPECT_FALSE(text::TranslateToRe2(pattern).has_value()) << pattern;
  }
}

}  // namespace
}  // namespace bantam
