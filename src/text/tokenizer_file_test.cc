// Broken and foreign tokenizer.json files: each is refused with the file, the JSON pointer and the reason.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

// A small valid tokenizer.json with one part replaced.
struct Parts {
  std::string model_head = R"("type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
                           R"("max_input_chars_per_word":100)";
  std::string vocab = R"({"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##b":4})";
  std::string added = R"([{"id":1,"content":"[CLS]","special":true,"single_word":false,"lstrip":false,"rstrip":false,)"
                      R"("normalized":false}])";
  std::string normalizer = R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
                           R"("strip_accents":null,"lowercase":true})";
  std::string pre_tokenizer = R"({"type":"BertPreTokenizer"})";
  std::string post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},)"
                               R"({"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":)"
                               R"({"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}})";

  std::string Json() const {
    return fmt::format(R"({{"version":"1.0","added_tokens":{},"normalizer":{},"pre_tokenizer":{},"post_processor":{},)"
                       R"("model":{{{},"vocab":{}}}}})",
                       added, normalizer, pre_tokenizer, post_processor, model_head, vocab);
  }
};

std::string ErrorOf(const std::string& json) {
  const auto result = Tokenizer::FromJson(json, "t.json");
  return result ? "accepted" : result.error().ToString();
}

std::string Token(std::string_view id, std::string_view content, std::string_view more = "") {
  return fmt::format(R"({{"id":{},"content":{},"special":false,"single_word":false,"lstrip":false,"rstrip":false,)"
                     R"("normalized":true{}}})",
                     id, content, more);
}

TEST(TokenizerFile, AcceptsTheValidOne) {
  const Parts parts;
  EXPECT_EQ(ErrorOf(parts.Json()), "accepted");
  Parts nulls;
  nulls.normalizer = nulls.pre_tokenizer = nulls.post_processor = nulls.added = "null";
  EXPECT_EQ(ErrorOf(nulls.Json()), "accepted");
  Parts gap;
  gap.vocab = R"({"[UNK]":0,"[CLS]":1,"a":7,"":5})";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::FromJson(gap.Json(), "t.json"));
  EXPECT_EQ(tokenizer->vocab_size(), 8);
  EXPECT_EQ(tokenizer->TokenText(3), "");
  Parts no_type;  // as old files have it
  no_type.model_head = no_type.model_head.substr(no_type.model_head.find("\"unk_token\""));
  EXPECT_EQ(ErrorOf(no_type.Json()), "accepted");
}

struct Case {
  const char* name;
  std::string Parts::* part;
  std::string value;
  const char* error;  // all of it after "t.json"; '*' stands for the place in the text
};

std::string Place(const std::string& error) {  // "corrupt: t.json:1:23: x" -> "corrupt:*: x"
  const size_t begin = error.find("t.json");
  if (begin == std::string::npos) return error;
  size_t end = begin + 6;
  if (error.compare(end, 1, ":") == 0 && std::isdigit(static_cast<unsigned char>(error[end + 1])) != 0) {
    end = error.find(": ", end);
    return error.substr(0, begin) + "*" + error.substr(end);
  }
  return error.substr(0, begin) + error.substr(end + 2);
}

TEST(TokenizerFile, RefusesWhatIsWrong) {
  const std::string head = Parts().model_head;
  const std::string normalizer = Parts().normalizer;
  const auto replaced = [](std::string text, std::string_view from, std::string_view to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const std::string post = Parts().post_processor;
  const std::vector<Case> cases = {
      {"negative id", &Parts::vocab, R"({"[UNK]":0,"a":-1})",
       "corrupt: *: /model/vocab/a is -1, expected an id from 0 to 2097151"},
      {"2^31", &Parts::vocab, R"({"[UNK]":0,"a":2147483648})",
       "corrupt: *: /model/vocab/a is 2147483648, expected an id from 0 to 2097151"},
      {"2^64", &Parts::vocab, R"({"[UNK]":0,"a":18446744073709551616})",
       "corrupt: *: /model/vocab/a is 1.8446744073709552e+19, expected an integer from 0 to 2097151"},
      {"fraction", &Parts::vocab, R"({"[UNK]":0,"a/b~c":1.5})",
       "corrupt: *: /model/vocab/a~1b~0c is 1.5, expected an integer from 0 to 2097151"},
      {"string id", &Parts::vocab, R"({"[UNK]":"0"})",
       "corrupt: *: /model/vocab/[UNK] is \"0\", expected an integer from 0 to 2097151"},
      {"an id twice", &Parts::vocab, R"({"[UNK]":0,"a":1,"b":1})",
       "corrupt: *: /model/vocab/b has the id 1, which \"a\" has already"},
      {"a token twice", &Parts::vocab, R"({"[UNK]":0,"a":1,"b":2,"a":3})",
       "corrupt: /model/vocab/a stands there twice, with the ids 1 and 3"},
      {"a control character", &Parts::vocab, "{\"[UNK]\":0,\"\\u001b[2J\":-1}",
       "corrupt: *: /model/vocab/\\x1B[2J is -1, expected an id from 0 to 2097151"},
      {"no unknown token", &Parts::vocab, R"({"a":0})",
       "corrupt: /model/unk_token is \"[UNK]\", which is not in /model/vocab"},
      {"empty vocabulary", &Parts::vocab, "{}", "corrupt: /model/unk_token is \"[UNK]\", which is not in /model/vocab"},
      {"vocabulary of another model", &Parts::vocab, R"([["a",-1.5]])",
       "corrupt: /model/vocab is an array, expected an object {...}"},
      {"no vocabulary", &Parts::vocab, "null", "corrupt: /model/vocab is null, expected an object {...}"},
      {"another model", &Parts::model_head, replaced(head, "WordPiece", "WordSalad"),
       "unsupported: /model/type is \"WordSalad\", which this version cannot do; it knows: BPE, Unigram, WordLevel, "
       "WordPiece"},
      {"no type, no sign of one", &Parts::model_head, R"("unk_token":"[UNK]")",
       "corrupt: /model/type is missing, expected a string"},
      {"unknown member", &Parts::model_head, head + R"(,"dropout":0.1)",
       "unsupported: /model/dropout is not a member that this version knows; known: type, unk_token, "
       "continuing_subword_prefix, max_input_chars_per_word, vocab"},
      {"endless words", &Parts::model_head, replaced(head, "100", "1001"),
       "corrupt: /model/max_input_chars_per_word is 1001, expected an integer from 0 to 1000"},
      {"negative words", &Parts::model_head, replaced(head, "100", "-1"),
       "corrupt: /model/max_input_chars_per_word is -1, expected an integer from 0 to 1000"},
      {"no prefix", &Parts::model_head, replaced(head, "\"##\"", "null"),
       "corrupt: /model/continuing_subword_prefix is null, expected a string"},
      {"another normalizer", &Parts::normalizer, R"({"type":"NFX"})",
       "unsupported: /normalizer/type is \"NFX\", which this version cannot do; it knows: BertNormalizer, ByteLevel, "
       "Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip, StripAccents"},
      {"normalizer without a member", &Parts::normalizer, replaced(normalizer, R"("clean_text":true,)", ""),
       "corrupt: /normalizer/clean_text is missing, expected true or false"},
      {"normalizer with a word", &Parts::normalizer, replaced(normalizer, "null", "\"yes\""),
       "corrupt: /normalizer/strip_accents is \"yes\", expected true, false or null"},
      {"normalizer of a list", &Parts::normalizer, "[1]", "corrupt: /normalizer/type is missing, expected a string"},
      {"another pre-tokenizer", &Parts::pre_tokenizer, R"({"type":"UnicodeScripts"})",
       "unsupported: /pre_tokenizer/type is \"UnicodeScripts\", which this version cannot do; it knows: "
       "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, "
       "Whitespace, WhitespaceSplit"},
      {"another post-processor", &Parts::post_processor, R"({"type":"Scissors"})",
       "unsupported: /post_processor/type is \"Scissors\", which this version cannot do; it knows: BertProcessing, "
       "ByteLevel, RobertaProcessing, Sequence, TemplateProcessing"},
      {"template without the text", &Parts::post_processor,
       replaced(post, R"(,{"Sequence":{"id":"A","type_id":0}})", ""),
       "unsupported: /post_processor/single has no Sequence \"A\": the text would be lost"},
      {"template with the second text", &Parts::post_processor, replaced(post, R"("id":"A")", R"("id":"B")"),
       "unsupported: /post_processor/single/1/Sequence/id is \"B\"; a single text is the Sequence \"A\", once"},
      {"template with an unknown token", &Parts::post_processor,
       replaced(post, R"("tokens":["[CLS]"])", R"("tokens":["[BOS]"])"),
       "corrupt: /post_processor/special_tokens/[CLS]/ids/0 is 1 for \"[BOS]\", which is not in the vocabulary"},
      {"template with another id", &Parts::post_processor, replaced(post, R"("ids":[1])", R"("ids":[2])"),
       "corrupt: /post_processor/special_tokens/[CLS]/ids/0 is 2 for \"[CLS]\", which has the id 1"},
      {"template with too few ids", &Parts::post_processor, replaced(post, R"("ids":[1])", R"("ids":[])"),
       "corrupt: /post_processor/special_tokens/[CLS]/ids has 0 ids for 1 tokens"},
      {"template naming nothing", &Parts::post_processor,
       replaced(post, R"({"id":"[CLS]","type_id":0})", R"({"id":"[X]","type_id":0})"),
       "corrupt: /post_processor/special_tokens/[X] is missing, expected an object {...}"},
      {"added token with another id", &Parts::added, fmt::format("[{}]", Token("2", R"("a")")),
       "corrupt: /added_tokens/0/id is 2, but /model/vocab gives \"a\" the id 3"},
      {"added token beyond the next id", &Parts::added, fmt::format("[{}]", Token("9", R"("new")")),
       "corrupt: /added_tokens/0/id is 9, but \"new\" is not in /model/vocab and the next free id is 5"},
      {"added token negative", &Parts::added, fmt::format("[{}]", Token("-1", R"("new")")),
       "corrupt: *: /added_tokens/0/id is -1, expected an integer from 0 to 2097151"},
      {"added token twice", &Parts::added, fmt::format("[{},{}]", Token("5", R"("new")"), Token("5", R"("new")")),
       "corrupt: /added_tokens/1/content is \"new\", as in an added token before it"},
      {"added tokens alike", &Parts::added, fmt::format("[{},{}]", Token("5", R"("new")"), Token("6", R"("NEW")")),
       "corrupt: /added_tokens/1/content is \"NEW\", which normalises to the same text as an added token before it"},
      {"added token of nothing", &Parts::added, fmt::format("[{}]", Token("5", R"("\u0001")")),
       "corrupt: /added_tokens/0/content is \"\\x01\", of which the normalizer leaves nothing"},
      {"added token empty", &Parts::added, fmt::format("[{}]", Token("5", R"("")")),
       "corrupt: *: /added_tokens/0/content is empty"},
      {"added token too long", &Parts::added, fmt::format("[{}]", Token("5", '"' + std::string(257, 'x') + '"')),
       "too large: *: /added_tokens/0/content has 257 bytes, the limit is 256"},
      {"added token with more", &Parts::added, fmt::format("[{}]", Token("5", R"("new")", R"(,"x":1)")),
       "unsupported: *: /added_tokens/0/x is not a member that this version knows; known: id, content, special, "
       "single_word, lstrip, rstrip, normalized"},
      {"added token a string", &Parts::added, R"(["[CLS]"])",
       "corrupt: *: /added_tokens/0 is \"[CLS]\", expected an object {...}"},
      {"added tokens an object", &Parts::added, "{}", "corrupt: /added_tokens is an object, expected an array [...]"},
      {"added tokens a number", &Parts::added, "3", "corrupt: /added_tokens is 3, expected an array [...]"},
  };
  for (const Case& c : cases) {
    Parts parts;
    parts.*c.part = c.value;
    EXPECT_EQ(Place(ErrorOf(parts.Json())), c.error) << c.name;
  }
}

TEST(TokenizerFile, RefusesWhatIsNoTokenizer) {
  EXPECT_EQ(ErrorOf(""), "corrupt: t.json:1:1: the text ends in the middle of a value");
  EXPECT_EQ(ErrorOf("[]"), "corrupt: t.json: the document is an array, expected an object {...}");
  EXPECT_EQ(ErrorOf("{}"), "corrupt: t.json: /model is missing, expected an object {...}");
  EXPECT_EQ(ErrorOf(R"({"model":[]})"), "corrupt: t.json: /model is an array, expected an object {...}");
  EXPECT_EQ(ErrorOf(R"({"model":{},"model":{}})"), "corrupt: t.json:1:19: duplicate key \"model\"");
  EXPECT_NE(ErrorOf("\xEF\xBB\xBF{}"), "accepted");
  const auto missing = Tokenizer::Load("no/such/tokenizer.json");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(TokenizerFile, CountsAreBounded) {
  Parts deep;
  deep.pre_tokenizer = std::string(10'000, '[') + std::string(10'000, ']');
  EXPECT_NE(ErrorOf(deep.Json()).find("nested deeper than 64 levels"), std::string::npos);
  Parts many;
  many.added = "[";
  for (int i = 0; i <= 65'536; ++i) many.added += Token(std::to_string(5 + i), fmt::format("\"t{}\"", i)) + ",";
  many.added.back() = ']';
  EXPECT_NE(ErrorOf(many.Json()).find("/added_tokens has more than 65536 elements"), std::string::npos);
  Parts long_token;
  long_token.vocab = fmt::format(R"({{"[UNK]":0,"[CLS]":1,"{}":2}})", std::string(65'536, 'x'));
  EXPECT_NE(ErrorOf(long_token.Json()).find("has 65536 bytes, the limit for a token is 65535"), std::string::npos);
}

TEST(TokenizerFile, EveryTruncationOfAValidFileIsRefused) {
  const std::string json = Parts().Json();
  for (size_t length = 0; length < json.size(); ++length)
    EXPECT_NE(ErrorOf(json.substr(0, length)), "accepted") << length;
}

}  // namespace
}  // namespace bantam
