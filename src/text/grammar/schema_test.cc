// JSON Schemas: those of the test suite and of llama.cpp, and the keywords one by one.
#include <gtest/gtest.h>

#include "base/file_io.h"
#include "base/testing.h"
#include "text/grammar/schema.h"
#include "text/grammar/testing.h"

namespace bantam::grammar {
namespace {

Result<std::shared_ptr<const Grammar>> Compile(std::string_view text, const SchemaOptions& options = {}) {
  BANTAM_TRY(const json::value schema, ParseJson(text, "s"));
  return FromSchema(schema, "s", options);
}

std::string ErrorOf(std::string_view text) {
  const auto grammar = Compile(text);
  return grammar ? "" : grammar.error().message;
}

void Expect(std::string_view schema, const std::vector<std::string>& good, const std::vector<std::string>& bad) {
  const auto grammar = Compile(schema);
  ASSERT_TRUE(grammar.has_value()) << schema << ": " << grammar.error().message;
  const auto constraint = Constraint::Create(*grammar, ByteTokens());
  for (const std::string& each : good) EXPECT_TRUE(Accepts(constraint, each)) << schema << ": " << each;
  for (const std::string& each : bad) EXPECT_FALSE(Accepts(constraint, each)) << schema << ": " << each;
}

TEST(Schema, Numbers) {
  Expect(R"({"type":"integer"})", {"0", "-7", "1234567890123456"}, {"-0", "01", "1.0", "1e3", "--1", ""});
  Expect(R"({"type":"number"})", {"0", "-0.5", "1.25e10", "1E-9"}, {".5", "1.", "01", "1e999", "NaN"});
  Expect(R"({"type":"integer","minimum":-3,"exclusiveMaximum":12})", {"-3", "-1", "0", "9", "11"},
         {"-4", "12", "20", "-30", "100"});
  Expect(R"({"type":"number","minimum":0.25,"maximum":10.5})", {"0.25", "0.3", "1", "9.99", "10.5", "10.50", "10.499"},
         {"0.24", "0", "10.51", "11", "-1", "100"});
  Expect(R"({"type":"number","exclusiveMinimum":-1.5,"exclusiveMaximum":0})", {"-1.4999", "-0.1", "-1"},
         {"-1.5", "-1.50", "0", "0.0", "-2", "1"});
  Expect(R"({"type":"number","exclusiveMinimum":0})", {"0.001", "1", "123"}, {"0", "0.000", "-1"});
  Expect(R"({"type":"number","maximum":-2.5})", {"-2.5", "-3", "-100.75"}, {"-2.4", "0", "2.5", "-2"});
  Expect(R"({"type":"integer","multipleOf":7,"minimum":10})", {"14", "21", "7777"}, {"7", "15", "0", "-7"});
  Expect(R"({"minimum":1e3,"type":"integer"})", {"1000", "5000"}, {"999"});
  EXPECT_EQ(ErrorOf(R"({"type":"integer","minimum":5,"maximum":4})"), "s: no text at all satisfies it");
  EXPECT_EQ(ErrorOf(R"({"multipleOf":0.1})"),
            "s: #: \"multipleOf\" is 0.1: only whole numbers from 1 to 10000 can be enforced");
}

TEST(Schema, Strings) {
  Expect(R"({"type":"string"})", {R"("")", R"("a\nb\u00e4\ud83d\ude00/")", "\"\xC3\xA4\""},
         {R"("\ud83d")", "\"\n\"", R"("\x")", "\"\xC3\"", "\"a"});
  Expect(R"({"type":"string","minLength":2,"maxLength":3})",
         {R"("ab")", R"("\n\"\\")", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\""}, {R"("a")", R"("abcd")", R"("\n")"});
  Expect(R"({"type":"string","pattern":"^[a-c]+$","maxLength":3})", {R"("abc")"}, {R"("abcd")", R"("d")", R"("")"});
  Expect(R"({"type":"string","pattern":"b|\\n"})", {R"("abc")", R"("x\n")"}, {R"("ac")"});
  Expect(R"({"type":"string","format":"date"})", {R"("2024-11-30")"}, {R"("2024-11-31")", R"("2024-13-01")"});
  Expect(R"({"enum":["a","bb",1,null,{"a":[1,2]}],"type":["string","object"]})",
         {R"("a")", R"({"a": [1, 2]})", R"({"a":[1,2]})"}, {"1", "null"});
  Expect(R"({"enum":["a","bb","ccc"],"minLength":2})", {R"("bb")", R"("ccc")"}, {R"("a")"});
  EXPECT_EQ(ErrorOf(R"({"type":"object","properties":{"a/b":{"format":"regex"}}})"),
            "s: #/properties/a~1b: \"format\" \"regex\" cannot be enforced: known are date, time, date-time, duration, "
            "uuid, ipv4, ipv6, hostname, email, uri");
}

TEST(Schema, Arrays) {
  Expect(R"({"items":{"type":"integer"},"minItems":1,"maxItems":3})", {"[1]", "[1, 2]", "[1,2,3]"},
         {"[]", "[1,2,3,4]", "[1,]", "[\"a\"]", "[1,  2]"});
  Expect(R"({"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false})",
         {"[]", "[null]", "[null,true]"}, {"[true]", "[null,true,1]"});
  Expect(R"({"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"string"}})",
         {"[null,\"a\",\"b\"]", "[]"}, {"[null,1]"});
  Expect(R"({"items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]", "[[]"});
  EXPECT_EQ(ErrorOf(R"({"type":"array","uniqueItems":true})"),
            "s: #: \"uniqueItems\" cannot be enforced while text is written");
  EXPECT_EQ(ErrorOf(R"({"type":"array","contains":{}})"),
            "s: #: \"contains\" cannot be enforced while text is written");
}

TEST(Schema, Objects) {
  Expect(R"({"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"required":["b"]})",
         {R"({"b":null})", R"({"a":null, "b":null,"c": null})", R"({"b":null,"c":null})"},
         {"{}", R"({"a":null})", R"({"b":null,"a":null})", R"({"b":null,"d":1})", R"({"b":null,})"});
  Expect(R"({"properties":{"a":{"type":"null"}},"additionalProperties":{"type":"integer"}})",
         {"{}", R"({"a":null,"ab":1,"x":2})", R"({"":3})"},
         {R"({"a":1})", R"({"\u0061":1})", R"({"x":null})", R"({"x":1,"a":null})"});
  Expect(R"({"additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2})",
         {R"({"a":1})", R"({"a":1,"b":2})"}, {"{}", R"({"a":1,"b":2,"c":3})"});
  Expect(R"({"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"minProperties":2})",
         {R"({"a":null,"c":null})"}, {R"({"a":null})", "{}"});
  Expect(R"({"patternProperties":{"^n":{"type":"integer"},"s$":{"minimum":5}},"additionalProperties":false})",
         {R"({"n":1})", R"({"ns":7})", R"({"xs":9})"}, {R"({"ns":1})", R"({"x":1})"});
  Expect(R"({"type":"object","propertyNames":{"pattern":"^[a-z]$"}})", {R"({"a":1})"}, {R"({"ab":1})"});
  Expect(R"({"properties":{"a":{"type":"null"},"b":{"type":"null"}},"dependentRequired":{"a":["b"]}})",
         {"{}", R"({"b":null})", R"({"a":null,"b":null})"}, {R"({"a":null})"});
  Expect(R"({"properties":{"a":false,"b":{"type":"null"}}})", {"{}", R"({"b":null})"}, {R"({"a":1})"});
  EXPECT_EQ(ErrorOf(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
            "s: no text at all satisfies it");
  EXPECT_NE(ErrorOf(R"({"type":"object","minProperties":3})").find("minProperties"), std::string::npos);
}

TEST(Schema, Combinations) {
  Expect(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"1", "\"a\""}, {"\"ab\"", "null"});
  Expect(R"({"allOf":[{"type":["integer","string"]},{"minimum":3,"maxLength":2}],"type":"integer"})", {"3"},
         {"2", "\"a\""});
  Expect(
      R"({"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"null"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]})",
      {R"({"k":"a","x":null})", R"({"k":"b"})"}, {R"({"k":"c"})", R"({"k":"b","x":null})"});
  EXPECT_NE(
      ErrorOf(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})").find("s: #/oneOf: a value might satisfy both 0 and 1"),
      std::string::npos);
  Expect(
      R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/node"}]}},"required":["v","next"]}},"$ref":"#/$defs/node"})",
      {R"({"v":1,"next":{"v":2,"next":null}})"}, {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
}

TEST(Schema, RefusedByName) {
  EXPECT_EQ(ErrorOf(R"({"properties":{"a":{"not":{}}}})"),
            "s: #/properties/a: \"not\" cannot be enforced while text is written");
  EXPECT_EQ(ErrorOf(R"({"maxlength":3})"),
            "s: #: \"maxlength\" is not a keyword that is known: it would not be enforced");
  EXPECT_EQ(ErrorOf(R"({"$ref":"http://x/y"})"),
            "s: #: \"$ref\" to http://x/y: only \"#...\", within the document, is followed");
  EXPECT_EQ(ErrorOf(R"({"$ref":"#/$defs/a"})"), "s: #: \"$ref\" to #/$defs/a: there is nothing");
  EXPECT_EQ(ErrorOf(R"({"$ref":"#"})"), "s: #: leads back to itself by \"$ref\" without an end");
  EXPECT_NE(ErrorOf(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})").find("without an end"), std::string::npos);
  EXPECT_EQ(ErrorOf(R"({"type":"text"})"),
            "s: #: \"type\" is \"text\", expected null, boolean, integer, number, string, array or object, or a list "
            "of them");
  EXPECT_EQ(ErrorOf("3"), "s: #: a schema is an object, true or false");
  EXPECT_EQ(ErrorOf(R"({"pattern":"^+[a-z]$"})"),
            "s: #/pattern: at character 3: nothing to repeat: \"^\" and \"$\" stand for no character");
}

// At each limit, and one above it.
TEST(Schema, Counts) {
  EXPECT_EQ(ErrorOf(R"({"pattern":"((a{900}){900}){900}"})"), "");
  EXPECT_EQ(ErrorOf(R"({"type":"string","minLength":100000,"maxLength":100000})"), "");
  EXPECT_NE(ErrorOf(R"({"type":"string","maxLength":100001})").find("above 100000 cannot be counted"),
            std::string::npos);
  EXPECT_EQ(ErrorOf(R"({"type":"array","items":{"type":"null"},"minItems":100000})"), "");
  EXPECT_NE(ErrorOf(R"({"type":"array","minItems":100001})").find("more than 100000 cannot be counted"),
            std::string::npos);
  EXPECT_EQ(ErrorOf(R"({"type":"object","maxProperties":100000})"), "");
  EXPECT_NE(ErrorOf(R"({"type":"object","maxProperties":100001})").find("more than 100000 cannot be counted"),
            std::string::npos);
  const auto text = [](size_t length) { return "\"" + std::string(length, 'x') + "\""; };
  Expect(R"({"type":"string","minLength":3000,"maxLength":5000})", {text(3000), text(5000)}, {text(2999), text(5001)});
  Expect(R"({"type":"string","pattern":"^[x-z]*$","minLength":30,"maxLength":5000})", {text(30), text(5000)},
         {text(29), text(5001)});
  Expect(R"({"type":"string","pattern":"^[x-z]{2,90}$","minLength":30})", {text(30), text(90)}, {text(29), text(91)});
  const auto list = [](size_t items) {
    std::string out = "[";
    for (size_t i = 0; i < items; ++i) out += i == 0 ? "null" : ",null";
    return out + "]";
  };
  Expect(R"({"items":{"type":"null"},"type":"array","minItems":300,"maxItems":500})", {list(300), list(500)},
         {list(299), list(501), list(0)});
  Expect(R"({"items":{"type":"null"},"type":"array","maxItems":500})", {list(0), list(1), list(500)}, {list(501)});
  Expect(R"({"prefixItems":[{"type":"null"},{"type":"null"}],"items":{"type":"null"},"type":"array","minItems":2})",
         {list(2), list(700)}, {list(1), list(0)});
  const auto map = [](size_t members) {
    std::string out = "{";
    for (size_t i = 0; i < members; ++i) out += fmt::format("{}\"k{}\": 1", i == 0 ? "" : ", ", i);
    return out + "}";
  };
  Expect(R"({"type":"object","additionalProperties":{"type":"integer"},"maxProperties":200})",
         {map(0), map(1), map(200)}, {map(201)});
  Expect(R"({"properties":{"k0":{"type":"integer"}},"additionalProperties":{"type":"integer"},"maxProperties":50})",
         {map(0), map(1), map(50)}, {map(51)});
}

// Schemas that would take long were they read carelessly: refused or compiled within the budget of steps.
TEST(Schema, Hostile) {
  std::string all = R"({"allOf":[)", names = R"({"type":"object","required":[)";
  for (int i = 0; i < 9'000; ++i) all += fmt::format(R"({}{{"minLength":{}}})", i == 0 ? "" : ",", i % 10);
  EXPECT_EQ(ErrorOf(all + "]}"), "");
  for (int i = 0; i < 20'000; ++i) names += fmt::format(R"({}"n{}")", i == 0 ? "" : ",", i);
  EXPECT_NE(ErrorOf(names + "]}").find("the limit"), std::string::npos);
  std::string values = R"({"allOf":[{"enum":[)";
  for (int i = 0; i < 10'000; ++i) values += fmt::format("{}{}", i == 0 ? "" : ",", i);
  EXPECT_NE(ErrorOf(values + "]}," + values.substr(10) + "]}]}").find("the limit"), std::string::npos);
  // A long name, and many places beneath it.
  std::string deep = "{";
  for (int i = 0; i < 300; ++i) deep += fmt::format(R"({}"p{}":{{"type":"null"}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(ErrorOf(R"({"properties":{")" + std::string(10'000, 'n') + R"(":{"properties":)" + deep + "}}}}"), "");
  std::string one_of = R"({"oneOf":[)";
  for (int i = 0; i < 400; ++i) one_of += fmt::format(R"({}{{"const":{}}})", i == 0 ? "" : ",", i);
  EXPECT_NE(ErrorOf(one_of + "]}").find("the limit"), std::string::npos);
  EXPECT_NE(
      ErrorOf(R"({"description":")" + std::string(Limits::kTextBytes, 'x') + R"("})").find("the limit of a schema"),
      std::string::npos);
  EXPECT_EQ(ErrorOf(R"({"description":")" + std::string(Limits::kTextBytes - 40, 'x') + R"("})"), "");
}

// Which of the test suite's schemas compile, and whether what they accept is right, read strictly. What is valid and
// not accepted: properties in another order, 1.0 for 1, and formats, which have fewer texts here.
TEST(Schema, TestSuite) {
  BANTAM_REQUIRE_DATA(folder, "schema-testsuite/tests/draft2020-12");
  int schemas = 0, compiled = 0, invalid = 0;
  struct Share {
    int accepted = 0, all = 0;
  } formats, others;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string file = entry.path().lexically_relative(folder).string();
    Share& share = file.find("format") != std::string::npos ? formats : others;
    ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(entry.path()));
    ASSERT_OK_AND_ASSIGN(const json::value groups, ParseJson(text, file));
    for (const json::value& group : groups.as_array()) {
      ++schemas;
      const auto grammar = FromSchema(group.at("schema"), "s", {.narrow = false});
      if (!grammar) continue;
      ++compiled;
      const auto constraint = Constraint::Create(*grammar, ByteTokens());
      for (const json::value& test : group.at("tests").as_array()) {
        const std::string instance = ToJson(test.at("data"));
        const bool accepts = Accepts(constraint, instance);
        if (test.at("valid").as_bool()) {
          ++share.all;
          share.accepted += accepts ? 1 : 0;
          continue;
        }
        ++invalid;
        EXPECT_FALSE(accepts) << file << ": " << group.at("description") << ": " << test.at("description") << ": "
                              << instance;
      }
    }
  }
  std::printf(
      "%d of %d schemas compile; of the valid documents %d of %d accepted, with formats %d of %d; %d invalid ones "
      "refused\n",
      compiled, schemas, others.accepted, others.all, formats.accepted, formats.all, invalid);
  EXPECT_GE(compiled, 220);
  EXPECT_GE(others.accepted * 100, others.all * 95);
  EXPECT_GE(formats.accepted * 100, formats.all * 60);
  EXPECT_GT(invalid, 500);
}

// llama.cpp's own.
TEST(Schema, LlamaCppVectors) {
  BANTAM_REQUIRE_DATA(file, "schema-llamacpp/schema_strings.jsonl");
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(file));
  int agreed = 0, differed = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    ASSERT_OK_AND_ASSIGN(const json::value row, ParseJson(std::string_view(text).substr(at, end - at), "row"));
    at = end + 1;
    const std::string name(row.at("name").as_string());
    ASSERT_OK_AND_ASSIGN(const json::value schema, ParseJson(row.at("schema").as_string(), name));
    const auto grammar = FromSchema(schema, name, {.loose_spaces = true});
    if (!grammar) {
      EXPECT_NE(grammar.error().message.find("\"uniqueItems\""), std::string::npos) << grammar.error().message;
      continue;
    }
    const auto constraint = Constraint::Create(*grammar, ByteTokens());
    for (const bool pass : {true, false}) {
      for (const json::value& each : row.at(pass ? "pass" : "fail").as_array()) {
        const bool same = Accepts(constraint, each.as_string()) == pass;
        same ? ++agreed : ++differed;
        // There, no type means an object.
        EXPECT_TRUE(same || name == "empty schema (object)") << name << ": " << each;
      }
    }
  }
  EXPECT_GE(agreed, 230);
  EXPECT_EQ(differed, 4);
}

}  // namespace
}  // namespace bantam::grammar
