#include "base/json.h"

#include <gtest/gtest.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>

#include "base/testing.h"

namespace bantam {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto result = ParseJson(text, "f.json");
  return result ? "accepted" : result.error().message;
}

TEST(Json, RefusesWhatBoostLetsPass) {
  EXPECT_EQ(ErrorOf("{\"a\":1,\n \"a\":2}"), "f.json:2:4: duplicate key \"a\"");
  EXPECT_NE(ErrorOf("[1e400]").find("range of a double"), std::string::npos);
  EXPECT_NE(ErrorOf("[1] x").find("f.json:1:5: text after the end"), std::string::npos);
  EXPECT_NE(ErrorOf("").find("ends in the middle"), std::string::npos);
  EXPECT_NE(ErrorOf("{").find("ends in the middle"), std::string::npos);
  EXPECT_NE(ErrorOf("\"\xC0\xAF\"").find("invalid UTF-8 at byte 1"), std::string::npos);
  for (const char* bad :
       {"[1,]", "{'a':1}", "NaN", "[01]", "[+1]", "// c\n1", "\"\\ud800\"", "[.5]", "\xEF\xBB\xBF{}"}) {
    EXPECT_NE(ErrorOf(bad), "accepted") << bad;
  }
}

TEST(Json, HalfASurrogatePairIsNamed) {
  for (const char* half : {R"("\ud800")", R"(["x\uD83Dy"])", R"("\udbff\n")", R"("\udc00")", R"("\uDE00\ud83d")",
                           R"("\ud83d\u0041")", R"("\ud83d\ud83d")", R"("\\\ud800")"}) {
    EXPECT_NE(ErrorOf(half).find("half of a surrogate pair"), std::string::npos) << half << ErrorOf(half);
  }
  EXPECT_EQ(ErrorOf(R"("\ud83d\ude00 \\ud800")"), "accepted");
  for (const char* other : {"\"\\\\ud800\n\"", "\"\\ud7ff\n\"", "\"\\ud83d\\ude00\n\""})
    EXPECT_EQ(ErrorOf(other).find("surrogate"), std::string::npos) << other << ErrorOf(other);
}

TEST(Json, DepthIsLimitedExactly) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(ErrorOf(nested(64)), "accepted");
  EXPECT_NE(ErrorOf(nested(65)).find("nested deeper than 64"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(1'000'000, '[')).find("nested deeper"), std::string::npos);
}

TEST(Json, WritesReadableNumbers) {
  ASSERT_OK_AND_ASSIGN(const json::value value,
                       ParseJson(R"({"a":[0.93,1.0,-7,1e-7,18446744073709551615],"b":"\u0001é"})", "x"));
  EXPECT_EQ(ToJson(value), R"({"a":[0.93,1.0,-7,1e-07,18446744073709551615],"b":"\u0001é"})");
}

// Against Boost's writer, over every byte and every place of it in a word of eight.
TEST(Json, QuotesAsBoostDoes) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t at = 0; at < 19; ++at) {
      std::string text(19, 'a');
      text[at] = static_cast<char>(byte);
      if (byte >= 0x80) text.replace(at, 1, "\xC3\xA9\x7F");
      EXPECT_EQ(QuoteJson(text), json::serialize(json::string_view(text.data(), text.size())));
    }
  }
  EXPECT_EQ(QuoteJson(""), "\"\"");
}

TEST(Json, ParsesIntoAStorageOfTheCallers) {
  const std::string text = R"({"a":[1,{"b":"two \u00e9 and a text that is too long to live in a value"}],"c":null})";
  json::monotonic_resource storage;
  json::value document(&storage);
  {
    ASSERT_OK_AND_ASSIGN(json::value parsed, ParseJsonInto(document.storage(), text, "x"));
    document = std::move(parsed);
  }
  EXPECT_EQ(document.storage().get(), &storage);
  EXPECT_EQ(document.at("a").at(1).storage().get(), &storage);
  EXPECT_EQ(document.at("a").at(1).at("b").storage().get(), &storage);
  ASSERT_OK_AND_ASSIGN(const json::value plain, ParseJson(text, "x"));
  EXPECT_EQ(document, plain);
}

TEST(Json, StreamsTheMembersOfALargeContainer) {
  std::string seen;
  const JsonStream streams[] = {{{"m", "v"}, [&](std::string_view key, json::value&& value) -> Status {
                                   seen += fmt::format("{}={};", key, ToJson(value));
                                   if (value.is_bool()) return Err(ErrorCode::kUnsupported, "no booleans");
                                   return Ok();
                                 }}};
  const auto parse = [&](std::string_view text) {
    seen.clear();
    const auto result = ParseJson(text, "s.json", {}, streams);
    return result ? ToJson(*result) : result.error().ToString();
  };
  EXPECT_EQ(parse(R"({"v":{"x":0},"m":{"a":1,"v":{"x":1,"y":[2,{"v":3}],"x":"z"},"b":2}})"),
            R"({"v":{"x":0},"m":{"a":1,"v":{},"b":2}})");
  EXPECT_EQ(seen, R"(x=1;y=[2,{"v":3}];x="z";)");
  EXPECT_EQ(parse(R"({"m":{"v":[1,[2]]}})"), R"({"m":{"v":[]}})");
  EXPECT_EQ(seen, "=1;=[2];");
  EXPECT_EQ(parse(R"({"m":{"v":null}})"), R"({"m":{"v":null}})");
  EXPECT_EQ(parse(R"([{"m":{"v":[1]}}])"), R"([{"m":{"v":[1]}}])");
  EXPECT_EQ(parse("{\"m\":{\"v\":{\"x\":1,\n\"y\":true}}}"), "unsupported: s.json:2:5: no booleans");
  EXPECT_EQ(parse(R"({"m":{"v":{"x":{"d":1,"d":2}}}})"), "invalid argument: s.json:1:25: duplicate key \"d\"");
}

TEST(Json, TypedLookups) {
  ASSERT_OK_AND_ASSIGN(const json::value value,
                       ParseJson(R"({"n":12,"f":2.0,"s":"x","o":{"k":true},"z":null})", "c.json"));
  ASSERT_OK_AND_ASSIGN(const JsonObject object, JsonObject::From(value, "c.json"));
  EXPECT_EQ(*object.Int("n", 0, 100), 12);
  EXPECT_EQ(*object.Int("f", 0, 100), 2);
  EXPECT_EQ(object.Int("n", 0, 10).error().message, "c.json: \"n\" is 12, expected an integer from 0 to 10");
  EXPECT_EQ(object.Int("s", 0, 10).error().message, "c.json: \"s\" is \"x\", expected an integer from 0 to 10");
  EXPECT_EQ(object.String("q").error().message, "c.json: \"q\" is missing, expected a string");
  EXPECT_EQ(*object.IntOr("z", 5, 0, 10), 5);
  ASSERT_OK_AND_ASSIGN(const JsonObject inner, object.Object("o"));
  EXPECT_TRUE(*inner.Bool("k"));
  EXPECT_EQ(inner.Where("k"), "c.json: \"o\": \"k\"");
}

}  // namespace
}  // namespace bantam
