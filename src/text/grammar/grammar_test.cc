// Grammar text, patterns and choices: what they accept, what they refuse, and what hostile ones cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_io.h"
#include "base/json.h"
#include "base/testing.h"
#include "base/text_util.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/schema.h"
#include "text/grammar/testing.h"

namespace bantam::grammar {
namespace {

std::string GbnfError(std::string_view text) {
  const auto grammar = ParseGbnf(text, "g");
  return grammar ? "" : grammar.error().message;
}

TEST(Gbnf, LlamaCppVectors) {
  BANTAM_REQUIRE_DATA(file, "schema-llamacpp/grammar_strings.jsonl");
  ASSERT_OK_AND_ASSIGN(const auto text, ReadFile(file));
  int checked = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    ASSERT_OK_AND_ASSIGN(const auto row, ParseJson(std::string_view(text).substr(at, end - at), "row"));
    at = end + 1;
    const std::string name(row.at("name").as_string());
    ASSERT_OK_AND_ASSIGN(const auto grammar, ParseGbnf(row.at("grammar").as_string(), name));
    const auto constraint = Constraint::Create(grammar, ByteTokens());
    for (const auto& each : row.at("pass").as_array())
      EXPECT_TRUE(Accepts(constraint, each.as_string())) << name << ": " << each;
    for (const auto& each : row.at("fail").as_array())
      EXPECT_FALSE(Accepts(constraint, each.as_string())) << name << ": " << each;
    checked += static_cast<int>(row.at("pass").as_array().size() + row.at("fail").as_array().size());
  }
  EXPECT_EQ(checked, 119);
}

TEST(Gbnf, LlamaCppGrammars) {
  BANTAM_REQUIRE_DATA(folder, "schema-llamacpp/grammars");
  std::mt19937_64 random(3);
  int parsed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ASSERT_OK_AND_ASSIGN(const auto text, ReadFile(entry.path()));
    const auto grammar = ParseGbnf(text, entry.path().filename().string());
    ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
    const auto constraint = Constraint::Create(*grammar, ByteTokens());
    for (int i = 0; i < 20; ++i) {
      const auto made = RandomText(constraint, random, 400);
      if (!made) continue;
      EXPECT_TRUE(Accepts(constraint, *made)) << entry.path() << ": " << *made;
    }
    ++parsed;
  }
  EXPECT_EQ(parsed, 8);
}

TEST(Gbnf, Recursion) {
  ASSERT_OK_AND_ASSIGN(const auto grammar, ParseGbnf("root ::= \"(\" root \")\" | \"x\"", "g"));
  EXPECT_TRUE(Accepts(grammar, "((((x))))"));
  EXPECT_FALSE(Accepts(grammar, "((((x)))"));
  EXPECT_TRUE(Accepts(grammar, std::string(400, '(') + "x" + std::string(400, ')')));
  ASSERT_OK_AND_ASSIGN(const auto palindromes, ParseGbnf("root ::= \"a\" root \"a\" | \"b\" root \"b\" | \"\"", "g"));
  EXPECT_TRUE(Accepts(palindromes, "abbaabba"));
  EXPECT_FALSE(Accepts(palindromes, "abbaabb"));
  ASSERT_OK_AND_ASSIGN(const auto right, ParseGbnf("root ::= \"a\" root | \"b\"", "g"));
  EXPECT_TRUE(Accepts(right, std::string(5000, 'a') + "b"));  // a last call leaves nothing open
  ASSERT_OK_AND_ASSIGN(const auto loops, ParseGbnf("root ::= (ws*)* \"x\"\nws ::= \" \"*", "g"));
  EXPECT_TRUE(Accepts(loops, "   x"));
}

TEST(Gbnf, ErrorsNameThePlace) {
  EXPECT_EQ(GbnfError("root ::= \"a\nb ::= x"), "g:1:12: a literal without its closing quote");
  EXPECT_EQ(GbnfError("root ::= a\n  b"), "g:2:4: expected \"::=\" after \"b\"");
  EXPECT_EQ(GbnfError("root ::= a"), "g:1:10: rule \"a\" is used and not defined");
  EXPECT_EQ(GbnfError("rout ::= \"x\""), "g: no rule \"root\", where the text would begin");
  EXPECT_EQ(GbnfError("root ::= \"x\"\nroot ::= \"y\""), "g:2:1: rule \"root\" is defined twice");
  EXPECT_EQ(GbnfError("root ::= (\"x\""), "g:1:14: \"(\" without \")\"");
  EXPECT_EQ(GbnfError("root ::= *"), "g:1:10: nothing to repeat");
  EXPECT_EQ(GbnfError("root ::= [b-a]"), "g:1:14: a range in a class is upside down");
  EXPECT_EQ(GbnfError("root ::= \"a\"{3,2}"), "g:1:18: a repetition is upside down");
  EXPECT_EQ(GbnfError("root ::= root \"x\" | \"y\""),
            "g: rule \"root\" can begin with itself (left recursion): put a character before it, or repeat with *");
  EXPECT_NE(GbnfError("root ::= a\na ::= b? a \"x\" | \"\"\nb ::= \"y\"").find("left recursion"), std::string::npos);
  EXPECT_EQ(GbnfError("root ::= \"a\" root"), "g: no text at all satisfies it");
}

// HOSTILE: each an error or a grammar, within a budget of steps that is the same everywhere.
TEST(Gbnf, Hostile) {
  EXPECT_NE(GbnfError("root ::= " + std::string(60'000, '(')).find("the limit"), std::string::npos);
  EXPECT_NE(GbnfError("root ::= \"a\"{0,1000000000}").find("the limit"), std::string::npos);
  EXPECT_EQ(GbnfError("root ::= ((((\"a\"{9999}){9999}){9999}){9999})"), "");
  EXPECT_EQ(GbnfError("root ::= ([ab]* \"a\" [ab]{30}) \"c\""), "");
  EXPECT_NE(GbnfError("root ::= (\"a\"? \"b\"?){100000}").find("the limit"),
            std::string::npos);  // may be empty: copied
  EXPECT_EQ(GbnfError("root ::= (\"\")* \"x\""), "");
  EXPECT_EQ(GbnfError("root ::= \"x\"" + std::string(200, '*')), "");
  EXPECT_NE(GbnfError("root ::= \"x\"" + std::string(2000, '*')).find("the limit"), std::string::npos);
  std::string deep = "\"x\"";  // neither the groups nor the repetitions of one are many
  for (int i = 0; i < 200; ++i) deep = "(" + deep + std::string(200, '*') + ")";
  EXPECT_NE(GbnfError("root ::= " + deep).find("deeper than 1000, the limit"), std::string::npos);
  std::string chain;
  for (int i = 0; i < 5000; ++i) chain += fmt::format("r{} ::= r{} \"x\"?\n", i, i + 1);
  EXPECT_EQ(GbnfError("root ::= r0\n" + chain + "r5000 ::= \"y\""), "");
  std::string backwards = "root ::= \"z\"";  // each may be empty because the one before it may
  for (int i = 0; i < 15'000; ++i) backwards += fmt::format("\nq{} ::= q{}", i, i < 2 ? 15'000 : i - 1);
  EXPECT_EQ(GbnfError(backwards + "\nq15000 ::= \"\""), "");
  std::string doubling;  // 2^40 ways to begin
  for (int i = 0; i < 40; ++i)
    doubling += fmt::format("a{0} ::= a{1} \"x\" | b{1} \"y\"\nb{0} ::= a{1} \"z\" | b{1} \"w\"\n", i, i + 1);
  const auto grammar = ParseGbnf("root ::= a0\n" + doubling + "a40 ::= \"q\"\nb40 ::= \"q\"", "g");
  ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
  (void)Accepts(*grammar, "qqq");
}

TEST(Regex, WholeText) {
  const auto matches = [](std::string_view pattern, std::string_view text) {
    const auto grammar = FromRegex(pattern, "r");
    EXPECT_TRUE(grammar.has_value()) << pattern << ": " << grammar.error().message;
    return grammar.has_value() && Accepts(*grammar, text);
  };
  EXPECT_TRUE(matches("a+b", "aab"));
  EXPECT_FALSE(matches("a+b", "aabc"));
  EXPECT_TRUE(matches("^a|b$", "b"));
  EXPECT_TRUE(matches("(^a$|^b$)", "a"));
  EXPECT_TRUE(matches("$^|x", ""));
  EXPECT_FALSE(matches("a$^b|x", "ab"));
  EXPECT_TRUE(matches("[^\\d\\s]{2,3}", "ab\xC3\xA4"));
  EXPECT_FALSE(matches("[^\\d\\s]{2,3}", "a1"));
  for (const char* letter : {"a", "Z", "\xC3\xA9", "\xCF\x80", "\xE4\xB8\xAD"}) {
    EXPECT_TRUE(matches("\\p{L}", letter) && matches("[\\p{gc=Letter}0-9]", letter) && !matches("\\P{L}", letter))
        << letter;
  }
  EXPECT_TRUE(matches("\\p{Nd}+", "12\xD9\xA3") && !matches("\\p{digit}", "\xC2\xBD") && matches("\\p{N}", "\xC2\xBD"));
  EXPECT_TRUE(matches("\\P{ASCII}\\p{Any}", "\xC3\xA9\n") && !matches("[^\\p{Lu}]", "A") &&
              matches("\\p{P}\\p{S}", "!+"));
  EXPECT_TRUE(matches("\\u00e4\\x41\\u{1F600}\\ud83d\\ude00",
                      "\xC3\xA4"
                      "A\xF0\x9F\x98\x80\xF0\x9F\x98\x80"));
  EXPECT_TRUE(matches("(?:x|(?<name>y))*?", "xyyx"));
  EXPECT_TRUE(matches("[\\w.-]+@[\\w-]+\\.\\w{2,}", "a.b@c-d.org"));
  EXPECT_FALSE(matches(".", "\n"));
}

TEST(Regex, RefusedByName) {
  const auto error = [](std::string_view pattern) {
    const auto grammar = FromRegex(pattern, "r");
    return grammar ? std::string() : grammar.error().message;
  };
  EXPECT_EQ(error("a(?=b)"),
            "r: at character 4: a look-ahead, \"(?=\" or \"(?!\", cannot be enforced while text is written");
  EXPECT_EQ(error("(?<=x)*"),
            "r: at character 3: a look-behind, \"(?<=\" or \"(?<!\", cannot be enforced while text is written");
  EXPECT_EQ(error("^+[a-z]$"), "r: at character 3: nothing to repeat: \"^\" and \"$\" stand for no character");
  EXPECT_EQ(error("(a)\\1"), "r: at character 6: a back reference cannot be enforced while text is written");
  EXPECT_EQ(error("\\bfoo"), "r: at character 2: a word boundary cannot be enforced while text is written");
  EXPECT_THAT(
      error("\\p{Script=Greek}"),
      ::testing::AllOf(::testing::HasSubstr("r: at character 17: the Unicode property \"Script=Greek\" (known: L, LC,"),
                       ::testing::HasSubstr("cannot be enforced while text is written")));
  EXPECT_THAT(error("\\pL"), ::testing::HasSubstr("without the name of a property in braces"));
  EXPECT_THAT(error("\\p{L"), ::testing::HasSubstr("without \"}\""));
  EXPECT_EQ(error("*a"), "r: at character 1: nothing to repeat");
  EXPECT_EQ(error("a**"), "r: at character 3: nothing to repeat");
  EXPECT_EQ(error("[z-a]"), "r: at character 5: a range in a class is upside down");
  EXPECT_EQ(error("(a"), "r: at character 3: \"(\" without \")\"");
  EXPECT_EQ(error("(a|b)*a[ab]{12}"), "");
  std::string written_out = "(a|b)*a";  // 2^18 states
  for (int i = 0; i < 18; ++i) written_out += "[ab]";
  EXPECT_NE(error(written_out).find("the limit"), std::string::npos);
  std::string class_of_many;
  for (int i = 60'000; i > 0; i -= 2) AppendUtf8(static_cast<char32_t>(0x10000 + i), class_of_many);
  EXPECT_EQ(error("[" + class_of_many + "]"), "");
  EXPECT_NE(error(std::string(1000, '(') + std::string(1000, ')')).find("the limit"), std::string::npos);
}

// What is counted has the same texts as copies of it.
TEST(Counted, AsMany) {
  const auto accepts = [](std::string_view pattern, std::string_view text) {
    const auto grammar = FromRegex(pattern, "r");
    EXPECT_TRUE(grammar.has_value()) << pattern << ": " << grammar.error().message;
    return grammar.has_value() && Accepts(*grammar, text);
  };
  const auto times = [](size_t count, std::string_view text) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  for (const size_t count : {19, 20, 21, 29, 30, 31}) {
    const bool within = count >= 20 && count <= 30;
    EXPECT_EQ(accepts("(abc|d){20,30}", times(count, "abc")), within) << count;
    EXPECT_EQ(accepts("(abc|d){20,30}x", times(count, "d") + "x"), within) << count;
    EXPECT_EQ(accepts("(abc|d){20,}", times(count, "abc")), count >= 20) << count;
    EXPECT_EQ(accepts("(abc|d){0,30}", times(count, "abc")), count <= 30) << count;
    EXPECT_EQ(accepts("(abc|d){30}", times(count, "d")), count == 30) << count;
    EXPECT_EQ(accepts("([a-c]{20,30},){20}", times(20, times(count, "b") + ",")), within) << count;
    EXPECT_EQ(accepts("[ab]*a[ab]{29}", times(count, "a") + "b"), count >= 29) << count;
    // Read in several ways: twenty to thirty times one or two.
    EXPECT_EQ(accepts("(a|aa){20,30}", times(count, "a")), count >= 20) << count;
    EXPECT_EQ(accepts("(a|aa){20,30}", times(count, "aa")), count <= 30) << count;
  }
  EXPECT_TRUE(accepts("(abc|d){0,30}", ""));
  EXPECT_TRUE(accepts("(a|aa){0,3000}", times(5000, "a")));
  EXPECT_FALSE(accepts("(a|aa){0,3000}", times(6001, "a")));
  EXPECT_TRUE(accepts("(((ab){1000}){1000}){1000}|c", "c"));
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromRegex(".{0,5000}", "r"));
  EXPECT_LT(grammar->num_states(), 30u);
}

TEST(Counted, LimitIsAHundredThousand) {
  const auto error = [](std::string_view pattern) {
    const auto grammar = FromRegex(pattern, "r");
    return grammar ? std::string() : grammar.error().message;
  };
  EXPECT_EQ(error("a{100000}"), "");
  EXPECT_EQ(error("a{100001}"), "r: at character 10: more than 100000 repetitions, the limit");
  EXPECT_EQ(error("(ab?){3,100000}"), "");
  EXPECT_EQ(error("(ab?){3,100001}"), "r: at character 16: more than 100000 repetitions, the limit");
  EXPECT_EQ(GbnfError("root ::= \"ab\"{100000}"), "");
  EXPECT_EQ(GbnfError("root ::= \"ab\"{100001}"), "g:1:22: more than 100000 repetitions, the limit");
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromRegex("(a|b){99999,100000}c", "r"));
  for (const size_t count : {99'998u, 99'999u, 100'000u, 100'001u}) {
    EXPECT_EQ(Accepts(grammar, std::string(count, 'b') + "c"), count == 99'999 || count == 100'000) << count;
  }
}

TEST(Choices, OneOfThem) {
  const std::vector<std::string> choices{"yes", "no", "yes and no", "\xC3\xA4"};
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromChoices(choices, "choices"));
  for (const std::string& each : choices) EXPECT_TRUE(Accepts(grammar, each));
  EXPECT_FALSE(Accepts(grammar, "ye"));
  EXPECT_FALSE(Accepts(grammar, "nono"));
  EXPECT_FALSE(FromChoices({}, "choices").has_value());
}

TEST(Constraint, MaskHoldsWhatIsAccepted) {
  ASSERT_OK_AND_ASSIGN(
      const auto schema,
      ParseJson(
          R"({"type":"object","properties":{"name":{"type":"string","maxLength":9},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["a","bc"]}}},"required":["name","age"]})",
          "s"));
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromSchema(schema, "s", {}));
  std::vector<std::string> tokens{
      "",          "{\"", "name",     "\":",       "\": \"",     "\",",  " \"age", "\"",
      "a",         "bc",  "abcdefgh", "abcdefghi", "abcdefghij", "\xC3", "\xA4",   "\xF0\x9F\x98\x80",
      "\\",        "n",   "\\\"",     "15",        "0",          "150",  "1",      "}",
      "]",         "[",   ",",        " ",         "tags",       "{",    "  ",     "aa\",",
      ", \"age\":"};
  const auto constraint = Constraint::Create(grammar, TokenTable::FromBytes(tokens));
  std::mt19937 random(7);
  std::vector<uint32_t> allowed(2, ~0U);
  int steps = 0;
  for (int walk = 0; walk < 300; ++walk) {
    ConstraintState state(constraint);
    for (int i = 0; i < 60 && !state.IsDone(); ++i, ++steps) {
      const bool any = state.Mask(allowed);
      std::vector<int32_t> ids;
      for (int32_t id = 0; id < static_cast<int32_t>(tokens.size()); ++id) {
        ConstraintState copy = state;
        const bool in_mask = (allowed[static_cast<size_t>(id) / 32] >> id % 32 & 1) != 0;
        ASSERT_EQ(in_mask, copy.Accept(id).has_value()) << "token " << tokens[static_cast<size_t>(id)];
        if (in_mask) ids.push_back(id);
      }
      ASSERT_EQ(any, !ids.empty());
      if (ids.empty()) break;
      ASSERT_TRUE(state.Accept(ids[random() % ids.size()]).has_value());
    }
  }
  EXPECT_GT(steps, 2000);
}

TEST(Constraint, ForcedText) {
  ASSERT_OK_AND_ASSIGN(
      const auto schema,
      ParseJson(
          R"({"type":"object","properties":{"name":{"type":"string"},"kind":{"const":"cat"}},"required":["name","kind"]})",
          "s"));
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromSchema(schema, "s", {}));
  ConstraintState state(Constraint::Create(grammar, ByteTokens()));
  EXPECT_EQ(state.ForcedBytes(), "{\"name\":");
  EXPECT_EQ(state.ForcedTokens().size(), 7U);  // the last might be the beginning of a longer token
  ASSERT_TRUE(state.AcceptBytes("{\"name\":\"x\", ").has_value());
  EXPECT_EQ(state.ForcedBytes(), "\"kind\":");
  ASSERT_TRUE(state.AcceptBytes("\"kind\": ").has_value());
  EXPECT_EQ(state.ForcedBytes(), "\"cat\"}");
  EXPECT_EQ(state.ForcedTokens().size(), 6U);
  EXPECT_FALSE(state.CanEnd());
  ASSERT_TRUE(state.AcceptBytes("\"cat\"}").has_value());
  EXPECT_TRUE(state.CanEnd());
  EXPECT_TRUE(state.IsDone());
}

TEST(Constraint, StatesMoveToAFreshCache) {
  // Two thousand places with a mask of their own: the cache fills, and texts that were begun go on.
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "(a|bb)";
  ASSERT_OK_AND_ASSIGN(const auto grammar, FromRegex(pattern + "c{1000}", "r"));
  std::vector<std::string> tokens;
  for (int i = 0; i < 400'000; ++i) tokens.push_back(i % 3 == 0 ? "a" : i % 3 == 1 ? "bb" : "c");
  const auto constraint = Constraint::Create(grammar, TokenTable::FromBytes(tokens));
  ConstraintState state(constraint), old(constraint);
  std::vector<uint32_t> allowed((tokens.size() + 31) / 32);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(state.Mask(allowed));
    ASSERT_TRUE(state.Accept(i % 2).has_value());
  }
  ASSERT_TRUE(state.AcceptBytes(std::string(999, 'c')).has_value());
  EXPECT_FALSE(state.CanEnd());
  ConstraintState counted = state;
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(old.Accept(i % 2).has_value());
  ASSERT_TRUE(old.AcceptBytes(std::string(1000, 'c')).has_value());
  EXPECT_TRUE(old.IsDone());
  ASSERT_TRUE(counted.AcceptBytes("c").has_value());
  EXPECT_TRUE(counted.IsDone());
}

}  // namespace
}  // namespace bantam::grammar
