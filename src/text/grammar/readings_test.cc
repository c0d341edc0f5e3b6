// Masks that are put together of what is known of a rule's places are those found by trying every token.
#include "text/grammar/readings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file_io.h"
#include "base/json.h"
#include "base/testing.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/limits.h"
#include "text/grammar/sample.h"
#include "text/grammar/schema.h"

namespace bantam::grammar {
namespace {

// All bytes, and pieces of texts that the grammar allows, many of which go over the ends of rules.
std::shared_ptr<const TokenTable> PiecesOf(const std::shared_ptr<const Grammar>& grammar, std::mt19937_64& random) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  const auto constraint = Constraint::Create(grammar, ByteTokens());
  for (int i = 0; i < 20; ++i) {
    const auto text = RandomText(constraint, random, 300);
    for (size_t k = 0; text && k < text->size(); ++k) tokens.push_back(text->substr(k, 1 + random() % 12));
  }
  return TokenTable::FromBytes(std::move(tokens));
}

// Walks at random, and compares in every place. -> places.
size_t Compare(const std::shared_ptr<const Grammar>& grammar, std::mt19937_64& random, std::string_view name) {
  const auto tokens = PiecesOf(grammar, random);
  Readings joined(grammar, tokens), tried(grammar, tokens);
  const size_t words = (static_cast<size_t>(tokens->size()) + 31) / 32;
  std::vector<uint32_t> mask(words), expected(words);
  size_t places = 0;
  for (int text = 0; text < 12; ++text) {
    Readings::SetId a = joined.start(), b = tried.start();
    for (int step = 0; step < 60 && a != kDead; ++step) {
      const bool any = joined.Mask(a, mask);
      EXPECT_EQ(any, tried.MaskByTrying(b, expected)) << name;
      EXPECT_EQ(mask, expected) << name << " text " << text << " step " << step;
      if (mask != expected) return places;
      ++places;
      std::vector<int32_t> ids;
      for (int32_t id = 0; id < tokens->size(); ++id) {
        if ((mask[static_cast<size_t>(id) / 32] >> id % 32 & 1) != 0) ids.push_back(id);
      }
      if (ids.empty()) break;
      for (const char byte : tokens->BytesOf(ids[random() % ids.size()])) {
        a = joined.Step(a, static_cast<uint8_t>(byte));
        b = tried.Step(b, static_cast<uint8_t>(byte));
        EXPECT_EQ(a == kDead, b == kDead) << name;
      }
    }
  }
  return places;
}

TEST(Readings, MasksOfGrammars) {
  std::mt19937_64 random(5);
  const std::pair<const char*, std::string> grammars[] = {
      {"ends anywhere", "root ::= item+\nitem ::= word \" \"? | \"[\" root \"]\"\nword ::= [a-c]+"},
      {"tail", "root ::= \"a\" root | end\nend ::= \"b\" end | \"c\" rest\nrest ::= [x-z]* \".\""},
      {"ambiguous", "root ::= (a | b | c)*\na ::= \"x\"+ \"y\"\nb ::= \"x\" [xy]{0,3}\nc ::= \"xy\" c | \"\""},
      {"deep", "root ::= \"(\" root \")\" | \"((\" root \"))\" | \"x\""},
      {"palindromes", "root ::= \"a\" root \"a\" | \"b\" root \"b\" | [ab]?"},
      {"empty", "root ::= e a e\ne ::= \"\" | \" \" e\na ::= \"<\" root \">\" | \"z\" e"},
      {"counted", "root ::= (\"a\" | \"bc\"){30,90} \"d\" | \"a\" root"},
      {"counted text", "root ::= \"\\\"\" ([^\\\"\\\\] | \"\\\\\" [n\\\"]){0,40} \"\\\"\" (\",\" root)?"},
      {"counted lists", "root ::= \"[\" list (\";\" list){20,} \"]\"\nlist ::= [x-z]{0,25} \".\""},
      {"text", "root ::= [^<]* (\"<\" [a-z]+ \">\" [^<]*)*"},
  };
  size_t places = 0;
  for (const auto& [name, text] : grammars) {
    ASSERT_OK_AND_ASSIGN(const auto grammar, ParseGbnf(text, name));
    places += Compare(grammar, random, name);
  }
  EXPECT_GT(places, 1000u);
}

// Where no deeper rule may be begun, a token that would begin one is not allowed, whatever its own rule says.
TEST(Readings, MasksNearTheDeepestPlace) {
  ASSERT_OK_AND_ASSIGN(const auto grammar, ParseGbnf("root ::= \"(\" root \")\" | \"x\"", "g"));
  const auto tokens = TokenTable::FromBytes({"(", ")", "x", "((", "(((", "(x", "x)", "((x)", "x))", "))))"});
  Readings joined(grammar, tokens), tried(grammar, tokens);
  Readings::SetId a = joined.start(), b = tried.start();
  uint32_t mask = 0, expected = 0, differ = 0, first = 0;
  for (size_t depth = 0; depth < Limits::kStackDepth + 5 && a != kDead && b != kDead; ++depth) {
    EXPECT_EQ(joined.Mask(a, {&mask, 1}), tried.MaskByTrying(b, {&expected, 1})) << depth;
    EXPECT_EQ(mask, expected) << depth;
    if (depth == 10) first = mask;
    differ += depth > 10 && mask != first ? 1 : 0;
    a = joined.Step(a, '(');
    b = tried.Step(b, '(');
  }
  EXPECT_GT(differ, 0u);
}

TEST(Readings, MasksOfSchemas) {
  BANTAM_REQUIRE_DATA(folder, "schema-testsuite");
  std::mt19937_64 random(6);
  size_t places = 0, schemas = 0;
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const Path& file : files) {
    ASSERT_OK_AND_ASSIGN(const auto text, ReadFile(file));
    const auto suite = ParseJson(text, file.string());
    if (!suite || !suite->is_array()) continue;
    for (const json::value& each : suite->get_array()) {
      const json::value* schema = each.is_object() ? each.get_object().if_contains("schema") : nullptr;
      if (schema == nullptr || schemas++ % 4 != 0) continue;  // a quarter of them says as much
      const auto grammar = FromSchema(*schema, "schema", {});
      if (grammar) places += Compare(*grammar, random, ToJson(*schema));
    }
  }
  EXPECT_GT(places, 1000u);
}

}  // namespace
}  // namespace bantam::grammar
