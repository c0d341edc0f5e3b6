// Tokens through the C interface.
#include <gmock/gmock.h>

#include "capi/testing/handles.h"

namespace bantam::capi {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CTokenizer : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
    ASSERT_EQ(bantam_tokenizer_load(folder.c_str(), Out(tokenizer_)), BANTAM_OK) << bantam_last_error();
  }
  TokensHandle Encode(std::string_view text, const bantam_encode_options& options) const {
    TokensHandle tokens;
    EXPECT_EQ(bantam_tokenizer_encode(tokenizer_.get(), text.data(), text.size(), &options, Out(tokens)), BANTAM_OK)
        << bantam_last_error();
    return tokens;
  }
  static std::vector<int32_t> Ids(const TokensHandle& tokens) {
    return {tokens->ids, tokens->ids + tokens->num_tokens};
  }

  TokenizerHandle tokenizer_;
};

TEST_F(CTokenizer, IdsAreThoseOfTheReference) {
  const bantam_encode_options plain{.struct_size = sizeof plain};
  const TokensHandle tokens = Encode("Where is my refund?", plain);
  EXPECT_EQ(tokens->struct_size, sizeof(bantam_tokens));
  EXPECT_THAT(Ids(tokens), ElementsAre(101, 2073, 2003, 2026, 25416, 8630, 1029, 102));
  EXPECT_EQ(tokens->offsets, nullptr);
  EXPECT_EQ(tokens->num_before_cut, 8u);
  const bantam_encode_options bare{.struct_size = sizeof bare, .no_special_tokens = 1};
  EXPECT_THAT(Ids(Encode("refund", bare)), ElementsAre(25416, 8630));
  EXPECT_THAT(Ids(Encode("", plain)), ElementsAre(101, 102));
  EXPECT_EQ(Encode("", bare)->num_tokens, 0u);
  // Users' text never becomes a special token.
  EXPECT_THAT(Ids(Encode("[SEP]", bare)), ::testing::Not(::testing::Contains(102)));
}

TEST_F(CTokenizer, OffsetsAreBytesOrCodePoints) {
  const std::string text =
      "Gr\xc3\xbc\xc3\x9f"
      "e \xf0\x9f\x92\xa1 caf\xc3\xa9";
  const bantam_encode_options in_bytes{.struct_size = sizeof in_bytes, .offsets = 1};
  const bantam_encode_options in_code_points{.struct_size = sizeof in_code_points, .offsets = 1, .code_points = 1};
  const TokensHandle bytes = Encode(text, in_bytes), points = Encode(text, in_code_points);
  ASSERT_EQ(bytes->num_tokens, points->num_tokens);
  ASSERT_NE(bytes->offsets, nullptr);
  const size_t last = bytes->num_tokens - 1;
  EXPECT_EQ(bytes->offsets[0].end, 0u);
  EXPECT_EQ(bytes->offsets[last].end, 0u);
  const bantam_span cafe = bytes->offsets[last - 1];
  EXPECT_EQ(text.substr(cafe.begin, cafe.end - cafe.begin), "caf\xc3\xa9");
  EXPECT_EQ(points->offsets[last - 1].begin, 8u);
  EXPECT_EQ(points->offsets[last - 1].end, 12u);
  // Tokens never begin or end inside a character.
  for (size_t i = 0; i < bytes->num_tokens; ++i) {
    for (const uint32_t at : {bytes->offsets[i].begin, bytes->offsets[i].end}) {
      ASSERT_LE(at, text.size());
      EXPECT_TRUE(at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) << at;
    }
  }
}

TEST_F(CTokenizer, ALimitCutsAndSaysSo) {
  const bantam_encode_options options{.struct_size = sizeof options, .max_tokens = 4};
  const TokensHandle tokens = Encode("Where is my refund?", options);
  EXPECT_THAT(Ids(tokens), ElementsAre(101, 2073, 2003, 102));
  EXPECT_EQ(tokens->num_before_cut, 8u);
}

TEST_F(CTokenizer, DecodesWhatItEncoded) {
  const int32_t ids[] = {101, 2073, 2003, 2026, 25416, 8630, 1029, 102};
  StringHandle string;
  ASSERT_EQ(bantam_tokenizer_decode(tokenizer_.get(), ids, 8, nullptr, Out(string)), BANTAM_OK);
  EXPECT_STREQ(string->data, "where is my refund?");
  EXPECT_EQ(string->size, 19u);
  const bantam_decode_options keep{.struct_size = sizeof keep, .keep_special_tokens = 1};
  ASSERT_EQ(bantam_tokenizer_decode(tokenizer_.get(), ids, 8, &keep, Out(string)), BANTAM_OK);
  EXPECT_STREQ(string->data, "[CLS] where is my refund? [SEP]");
  ASSERT_EQ(bantam_tokenizer_decode(tokenizer_.get(), nullptr, 0, nullptr, Out(string)), BANTAM_OK);
  EXPECT_STREQ(string->data, "");
}

TEST_F(CTokenizer, TokensHaveText) {
  bantam_text token{};
  ASSERT_EQ(bantam_tokenizer_token(tokenizer_.get(), 8630, &token), BANTAM_OK);
  EXPECT_EQ(std::string(token.data, token.size), "##und");
  EXPECT_EQ(bantam_tokenizer_vocab_size(tokenizer_.get()), 30522);
  EXPECT_ERROR(bantam_tokenizer_token(tokenizer_.get(), 30522, &token), BANTAM_INVALID_ARGUMENT, "0 to 30521");
  EXPECT_EQ(bantam_tokenizer_token(tokenizer_.get(), -1, &token), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_tokenizer_token(nullptr, 0, &token), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_tokenizer_token(tokenizer_.get(), 0, nullptr), BANTAM_INVALID_ARGUMENT);
}

TEST_F(CTokenizer, RefusesWhatIsWrong) {
  TokensHandle tokens;
  StringHandle string;
  const bantam_tokenizer* t = tokenizer_.get();
  EXPECT_ERROR(bantam_tokenizer_encode(nullptr, "a", 1, nullptr, Out(tokens)), BANTAM_INVALID_ARGUMENT, "tokenizer");
  EXPECT_ERROR(bantam_tokenizer_encode(t, "a", 1, nullptr, nullptr), BANTAM_INVALID_ARGUMENT, "\"out\"");
  EXPECT_ERROR(bantam_tokenizer_encode(t, "\x80", 1, nullptr, Out(tokens)), BANTAM_INVALID_ARGUMENT, "byte 0 is 0x80");
  const bantam_encode_options forgotten{};
  EXPECT_ERROR(bantam_tokenizer_encode(t, "a", 1, &forgotten, Out(tokens)), BANTAM_INVALID_ARGUMENT, "struct_size");
  const int32_t ids[] = {101, 40000, -1};
  EXPECT_ERROR(bantam_tokenizer_decode(t, ids, 2, nullptr, Out(string)), BANTAM_INVALID_ARGUMENT, "ids[1] is 40000");
  EXPECT_ERROR(bantam_tokenizer_decode(t, ids + 2, 1, nullptr, Out(string)), BANTAM_INVALID_ARGUMENT, "ids[0] is -1");
  EXPECT_ERROR(bantam_tokenizer_decode(t, nullptr, 1, nullptr, Out(string)), BANTAM_INVALID_ARGUMENT, "\"ids\"");
  EXPECT_ERROR(bantam_tokenizer_decode(t, ids, SIZE_MAX, nullptr, Out(string)), BANTAM_TOO_LARGE, "ids");
  EXPECT_EQ(tokens, nullptr);
  EXPECT_EQ(string, nullptr);
}

TEST_F(CTokenizer, AModelsOwnLivesWithIt) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const ModelHandle model = LoadModel(folder);
  const bantam_tokenizer* own = bantam_model_tokenizer(model.get());
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(bantam_tokenizer_vocab_size(own), 30522);
  bantam_tokenizer_free(const_cast<bantam_tokenizer*>(own));  // a mistake that does no harm
  TokensHandle tokens;
  EXPECT_EQ(bantam_tokenizer_encode(own, "still here", BANTAM_C_STRING, nullptr, Out(tokens)), BANTAM_OK);
}

TEST(CTokenizerFile, IsReadByItselfOrRefused) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  TokenizerHandle tokenizer;
  EXPECT_EQ(bantam_tokenizer_load((folder / "tokenizer.json").c_str(), Out(tokenizer)), BANTAM_OK)
      << bantam_last_error();
  EXPECT_NE(bantam_tokenizer_load("src/capi/README.md", Out(tokenizer)), BANTAM_OK);
  EXPECT_NE(bantam_tokenizer_load("./nowhere", Out(tokenizer)), BANTAM_OK);
  EXPECT_THAT(bantam_last_error(), HasSubstr("nowhere"));
  EXPECT_EQ(bantam_tokenizer_load(nullptr, Out(tokenizer)), BANTAM_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace bantam::capi
