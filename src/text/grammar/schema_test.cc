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
  EXPECT_EQ(
      ErrorOf(R"({"type":"object","properties":{"a/b":{"format":"colour"}}})"),
      "s: #/properties/a~1b: \"format\" \"colour\" cannot be enforced: known are date, time, date-time, duration, "
      "uuid, ipv4, ipv6, hostname, email, uri, idn-hostname, idn-email, iri, uri-reference, iri-reference, "
      "uri-template, json-pointer, relative-json-pointer, regex, byte, binary, password, int8, int16, "
      "int32, int64, uint8, uint16, uint32, uint64, float, double");
}

TEST(Schema, Formats) {
  const auto text = [](std::string_view format) { return fmt::format(R"({{"type":"string","format":"{}"}})", format); };
  Expect(text("uri-reference"), {R"("/a/b?c=d#e")", R"("a")", R"("#a")", R"("https://example.org/a")"},
         {R"("//a")", R"("a:b")", R"("a b")"});
  Expect(text("uri-template"), {R"("https://example.org/{user}/a")"}, {R"("https://example.org/{user")"});
  Expect(text("json-pointer"), {R"("")", R"("/a~1b/0")"}, {R"("a")", R"("/~2")"});
  Expect(text("relative-json-pointer"), {R"("0#")", R"("1/a")"}, {R"("/a")", R"("01")"});
  Expect(text("regex"), {R"("^[a-z]+(ab)?$")", R"("\\d*")"}, {R"("[")", R"("a**")", R"("(")"});
  Expect(text("byte"), {R"("")", R"("YQ==")", R"("YWI=")", R"("YWJj")"}, {R"("YQ=")", R"("YR==")", R"("YW")"});
  Expect(text("password"), {R"("")", R"("a\nb")"}, {"1"});
  Expect(R"({"type":"integer","format":"int32"})", {"-2147483648", "2147483647"}, {"2147483648", "1.5"});
  Expect(R"({"type":"integer","format":"uint8"})", {"0", "255"}, {"-1", "256"});
  Expect(R"({"type":"number","format":"double"})", {"-1.5e80", "100"}, {"NaN"});
  Expect(R"({"type":"number","format":"float"})", {"-1.5", "100"}, {"1e80"});
}

TEST(Schema, Arrays) {
  Expect(R"({"items":{"type":"integer"},"minItems":1,"maxItems":3})", {"[1]", "[1, 2]", "[1,2,3]"},
         {"[]", "[1,2,3,4]", "[1,]", "[\"a\"]", "[1,  2]"});
  Expect(R"({"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false})",
         {"[]", "[null]", "[null,true]"}, {"[true]", "[null,true,1]"});
  Expect(R"({"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"string"}})",
         {"[null,\"a\",\"b\"]", "[]"}, {"[null,1]"});
  Expect(R"({"items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]", "[[]"});
}

TEST(Schema, UniqueItems) {
  Expect(R"({"type":"array","items":{"enum":["a","b",3,3.0]},"uniqueItems":true,"minItems":1})",
         {R"(["a"])", R"(["b","a"])", R"([3,"b", "a"])"}, {"[]", R"(["a","a"])", "[3,3]", R"(["c"])"});
  Expect(R"({"items":{"enum":[1,2,3]},"uniqueItems":true,"maxItems":2})", {"[]", "[3,1]"}, {"[1,2,3]", "[2,2]"});
  // More than eight: in the order of the list.
  Expect(R"({"items":{"enum":[0,1,2,3,4,5,6,7,8,9]},"uniqueItems":true,"minItems":2,"maxItems":3})",
         {"[0,9]", "[1,2,3]"}, {"[9,0]", "[1]", "[1,2,3,4]", "[1,1]", "[]"});
  EXPECT_EQ(ErrorOf(R"({"items":{"enum":[1,2]},"uniqueItems":true,"minItems":3})"), "s: no text at all satisfies it");
  for (const std::string_view schema :
       {R"({"type":"array","uniqueItems":true})", R"({"items":{"type":"string"},"uniqueItems":true})",
        R"({"items":{"enum":[1]},"prefixItems":[{}],"uniqueItems":true})",
        R"({"items":{"enum":[1]},"contains":{},"uniqueItems":true})"})
    EXPECT_EQ(ErrorOf(schema),
              "s: #: \"uniqueItems\" cannot be enforced while text is written, unless all items are of one \"enum\"");
}

TEST(Schema, Contains) {
  Expect(R"({"type":"array","contains":{"const":1}})", {"[1]", "[2,1]", R"(["a",1, 1])"}, {"[]", "[2]", "1"});
  Expect(R"({"items":{"enum":[1,2]},"contains":{"const":1},"minContains":2,"maxContains":3,"maxItems":4})",
         {"[1,1]", "[1,2,1]", "[1,1,1,2]"}, {"[1,2,2]", "[1,1,1,1]", "[1,1,2,2,2]"});
  Expect(
      R"({"prefixItems":[{"type":"null"}],"items":{"type":"integer"},"contains":{"type":"integer","minimum":5},"minItems":3})",
      {"[null,5,1]", "[null,1,5]", "[null,1,2,9]"}, {"[null,5]", "[null,1,2]", "[5,5,5]"});
  Expect(R"({"type":"array","items":{"type":"integer"},"contains":{"const":0},"minContains":0,"maxContains":1})",
         {"[]", "[1]", "[0]", "[1,0,2]"}, {"[0,0]"});
  EXPECT_EQ(ErrorOf(R"({"type":"array","contains":{"const":1},"minContains":2,"maxContains":1})"),
            "s: no text at all satisfies it");
  EXPECT_EQ(ErrorOf(R"({"type":"array","contains":false})"), "s: no text at all satisfies it");
  EXPECT_EQ(ErrorOf(R"({"type":"array","allOf":[{"contains":{"const":1}},{"contains":{"const":2}}]})"),
            "s: #/allOf/1/contains: \"contains\" cannot be enforced beside another \"contains\"");
  // At the limit of states, and above: (items + 1) * (of the kind + 1).
  EXPECT_EQ(ErrorOf(R"({"type":"array","contains":{"const":1},"maxItems":999})"), "");
  EXPECT_NE(ErrorOf(R"({"type":"array","contains":{"const":1},"maxItems":1000})").find("more than 2000, the limit"),
            std::string::npos);
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
  // Where schemas overlap, each holds without the other.
  Expect(R"({"oneOf":[{"type":"integer"},{"type":"number","minimum":2}]})", {"1", "-3", "2.5"}, {"2", "7", "1.5"});
  Expect(
      R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},"oneOf":[{"required":["a"]},{"required":["b"]}]})",
      {R"({"a":null})", R"({"b":null})"}, {"{}", R"({"a":null,"b":null})"});
  EXPECT_EQ(ErrorOf(R"({"oneOf":[true,true]})"), "s: no text at all satisfies it");
  EXPECT_EQ(ErrorOf(R"({"oneOf":[{"type":"string","format":"date"},{"type":"string","format":"uuid"}]})"),
            "s: #/oneOf/1: \"format\" cannot be negated, which \"not\", \"if\" and a \"oneOf\" whose schemas overlap "
            "ask for: "
            "use \"anyOf\", or a required property with a different \"const\" in each");
  Expect(
      R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/node"}]}},"required":["v","next"]}},"$ref":"#/$defs/node"})",
      {R"({"v":1,"next":{"v":2,"next":null}})"}, {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
}

// Not in that of their addresses, which differ from process to process: the same seed shall write the same text.
TEST(Schema, PropertiesStandInTheOrderInWhichTheyAreAskedFor) {
  Expect(R"({"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/a"}],
             "$defs":{"a":{"properties":{"x":{"properties":{"a":{"type":"integer"}},"required":["a"]}}},
                      "b":{"properties":{"x":{"properties":{"b":{"type":"integer"}},"required":["b"]}}}}})",
         {R"({"x": {"b": 1, "a": 2}})"}, {R"({"x": {"a": 2, "b": 1}})"});
}

TEST(Schema, Not) {
  Expect(R"({"type":["string","integer"],"not":{"type":"integer"}})", {R"("a")"}, {"1"});
  Expect(R"({"type":"number","not":{"type":"integer"}})", {"1.5", "-0.25"}, {"1", "1.0", "0.0"});
  Expect(R"({"type":"string","not":{"enum":["a","b\n"]}})", {R"("")", R"("c")", R"("aa")"}, {R"("a")", R"("b\n")"});
  Expect(R"({"type":"integer","not":{"const":-5}})", {"5", "-4", "-55"}, {"-5"});
  Expect(R"({"type":"number","not":{"enum":[0,2.5]}})", {"0.1", "2.51", "-2.5"}, {"0", "0.0", "2.5", "2.50"});
  Expect(R"({"not":{"enum":[null,true]},"type":["null","boolean"]})", {"false"}, {"null", "true"});
  Expect(R"({"enum":["a","b"],"not":{"const":"a"}})", {R"("b")"}, {R"("a")"});
  Expect(R"({"type":"string","not":{"pattern":"^a"}})", {R"("ba")", R"("")"}, {R"("a")", R"("ab")"});
  Expect(R"({"type":"integer","not":{"minimum":3}})", {"2", "-9"}, {"3", "4"});
  Expect(R"({"type":"number","not":{"minimum":3,"exclusiveMinimum":true}})", {"3", "2.5"}, {"3.1"});
  Expect(R"({"type":"string","not":{"minLength":1,"maxLength":2}})", {R"("")", R"("abc")"}, {R"("a")", R"("ab")"});
  Expect(R"({"type":"integer","not":{"anyOf":[{"const":1},{"minimum":5}]}})", {"0", "4"}, {"1", "5"});
  Expect(R"({"type":"integer","not":{"not":{"const":1}}})", {"1"}, {"2"});
  Expect(R"({"type":"integer","not":{"oneOf":[{"minimum":0},{"maximum":9}]}})", {"0", "9"}, {"-1", "10"});
  Expect(R"({"properties":{"a":{"type":"null"},"b":{"type":"null"}},"type":"object","not":{"required":["a","b"]}})",
         {"{}", R"({"a":null})", R"({"b":null})"}, {R"({"a":null,"b":null})"});
  Expect(R"({"properties":{"a":{"type":"integer"}},"not":{"properties":{"a":{"minimum":3}}}})", {R"({"a":2})"},
         {"{}", R"({"a":3})"});
  Expect(R"({"items":{"type":"integer"},"not":{"items":{"minimum":3}}})", {"[1]", "[5,1]"}, {"[]", "[5]"});
  Expect(R"({"items":{"type":"integer"},"not":{"contains":{"const":3}}})", {"[]", "[1,2]"}, {"[3]", "[1,3]"});
  Expect(R"({"$defs":{"a":{"const":1}},"type":"integer","not":{"$ref":"#/$defs/a"}})", {"2"}, {"1"});
  Expect(R"({"properties":{"a":{"not":{}},"b":{"type":"null"}}})", {"{}", R"({"b":null})"}, {R"({"a":null})"});
  EXPECT_EQ(ErrorOf(R"({"not":{}})"), "s: no text at all satisfies it");
  for (const auto& [keyword, value] :
       {std::pair("multipleOf", "2"), std::pair("format", "\"date\""), std::pair("additionalProperties", "false"),
        std::pair("patternProperties", "{}"), std::pair("propertyNames", "{}"), std::pair("dependentRequired", "{}"),
        std::pair("unevaluatedItems", "false"), std::pair("uniqueItems", "true"), std::pair("minimun", "1")})
    EXPECT_EQ(ErrorOf(fmt::format(R"({{"properties":{{"a":{{"not":{{"type":"null","{}":{}}}}}}}}})", keyword, value))
                  .find(fmt::format("s: #/properties/a/not: \"{}\" cannot be negated", keyword)),
              0);
  EXPECT_EQ(ErrorOf(R"({"not":{"$ref":"#/$defs/a","type":"null"},"$defs":{"a":{}}})"),
            "s: #/not: \"$ref\" beside other keywords cannot be negated: write it into \"allOf\"");
  EXPECT_EQ(ErrorOf(R"({"$schema":"http://json-schema.org/draft-04/schema#","not":{"const":1}})"),
            "s: #/not: \"const\" cannot be negated: the draft that \"$schema\" names does not have it");
  EXPECT_NE(ErrorOf(R"({"not":{"$ref":"#"}})").find("without an end"), std::string::npos);
}

TEST(Schema, IfThenElse) {
  Expect(
      R"({"type":"object","properties":{"kind":{"enum":["a","b","c"]},"x":{"type":"null"}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"]},"else":{"properties":{"x":false}}})",
      {R"({"kind":"a","x":null})", R"({"kind":"b"})"}, {R"({"kind":"a"})", R"({"kind":"b","x":null})"});
  Expect(R"({"type":"integer","if":{"minimum":10},"then":{"multipleOf":10}})", {"3", "10", "20"}, {"11"});
  Expect(R"({"type":"integer","if":{"minimum":10},"else":{"const":3}})", {"3", "10", "11"}, {"4"});
  Expect(R"({"type":"integer","if":{"minimum":10}})", {"3", "10"}, {});
  Expect(R"({"type":"integer","then":{"const":1},"else":{"const":2},"maxContains":1})", {"3"}, {});
  // Fifteen cases of which one is chosen are no thousand combinations.
  std::string cases;
  for (int i = 0; i < 15; ++i)
    cases += fmt::format(
        R"({}{{"if":{{"properties":{{"k":{{"const":{}}}}},"required":["k"]}},"then":{{"required":["p{}"]}}}})",
        i == 0 ? "" : ",", i, i);
  std::string names;
  for (int i = 0; i < 15; ++i) names += fmt::format(R"(,"p{}":{{"type":"null"}})", i);
  Expect(R"({"type":"object","properties":{"k":{"type":"integer","minimum":0})" + names +
             R"(},"required":["k"],"allOf":[)" + cases + "]}",
         {R"({"k":3,"p3":null})", R"({"k":14,"p1":null,"p14":null})", R"({"k":15})"},
         {R"({"k":3})", R"({"k":14,"p13":null})"});
}

TEST(Schema, Unevaluated) {
  // What no schema that holds speaks of, alternatives that were chosen included.
  Expect(
      R"({"$defs":{"base":{"properties":{"a":{"type":"null"}}}},"allOf":[{"$ref":"#/$defs/base"}],"properties":{"b":{"type":"null"}},"anyOf":[{"properties":{"c":{"const":1}},"required":["c"]},{"properties":{"d":{"const":2}},"required":["d"]}],"unevaluatedProperties":false})",
      {R"({"b":null,"a":null,"c":1})", R"({"d":2})"}, {"{}", R"({"b":null})", R"({"c":1,"d":2})", R"({"c":1,"x":1})"});
  Expect(
      R"({"properties":{"a":{"type":"null"}},"patternProperties":{"^x":{"type":"null"}},"unevaluatedProperties":{"type":"integer"}})",
      {R"({"a":null,"b":1,"x":null})"}, {R"({"b":null})", R"({"x":1})"});
  // Not into a neighbour's.
  Expect(R"({"type":"object","allOf":[{"properties":{"a":{"type":"null"}}},{"unevaluatedProperties":false}]})", {"{}"},
         {R"({"a":null})"});
  Expect(R"({"type":"object","additionalProperties":{"type":"null"},"unevaluatedProperties":false})", {R"({"a":null})"},
         {R"({"a":1})"});
  Expect(
      R"({"type":"object","properties":{"k":{"type":"integer"}},"required":["k"],"if":{"properties":{"k":{"const":1}}},"then":{"properties":{"x":{"type":"null"}}},"else":{"properties":{"y":{"type":"null"}}},"unevaluatedProperties":false})",
      {R"({"k":1,"x":null})", R"({"k":2,"y":null})"}, {R"({"k":1,"y":null})", R"({"k":2,"x":null})"});
  Expect(
      R"({"type":"object","properties":{"a":{"type":"null"}},"dependentSchemas":{"a":{"properties":{"b":{"type":"null"}}}},"unevaluatedProperties":false})",
      {"{}", R"({"a":null,"b":null})"}, {R"({"b":null})"});
  Expect(
      R"({"prefixItems":[{"type":"null"}],"allOf":[{"prefixItems":[true,{"type":"integer"}]}],"unevaluatedItems":false})",
      {"[]", "[null]", "[null,1]"}, {"[null,null]", "[null,1,1]"});
  // Arrays have no properties on which others depend.
  Expect(R"({"dependentSchemas":{"a":{"items":{}}},"type":["array","object"],"unevaluatedItems":{"const":1}})", {"[1]"},
         {"[2]"});
  Expect(R"({"type":"array","items":{"type":"null"},"unevaluatedItems":false})", {"[null,null]"}, {"[1]"});
  Expect(R"({"type":"array","unevaluatedItems":{"type":"null"}})", {"[]", "[null]"}, {"[1]"});
}

// With one "$id" there is one scope.
TEST(Schema, DynamicReferences) {
  Expect(R"({"items":{"$dynamicRef":"#a"},"$defs":{"b":{"$dynamicAnchor":"a","type":"null"}}})", {"[null]"}, {"[1]"});
  Expect(R"({"items":{"$ref":"#a"},"$defs":{"b":{"$dynamicAnchor":"a","type":"null"}}})", {"[null]"}, {"[1]"});
  Expect(R"({"$recursiveAnchor":true,"items":{"$recursiveRef":"#"}})", {"[[]]"}, {"[1]"});
  EXPECT_NE(ErrorOf(R"({"items":{"$dynamicRef":"b#a"},"$defs":{"b":{"$id":"b"}}})").find("only \"#...\""),
            std::string::npos);
}

TEST(Schema, RefusedByName) {
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
  EXPECT_NE(ErrorOf(values + R"(]}],"not":)" + values.substr(10) + "]}}").find("the limit"), std::string::npos);
  std::string nested = R"({"type":"null"})";  // each level copies what is within
  for (int i = 0; i < 20; ++i) nested = R"({"not":{"properties":{"a":)" + nested + "}}}";
  EXPECT_EQ(ErrorOf(nested), "");
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
  EXPECT_GE(compiled, 360);
  EXPECT_GE(others.accepted * 100, others.all * 95);
  EXPECT_GE(formats.accepted * 100, formats.all * 60);
  EXPECT_GT(invalid, 800);
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
