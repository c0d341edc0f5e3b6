#include "route/yaml_node.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/testing.h"
#include "route/actions/action.h"
#include "route/route_file.h"
#include "route/suggest.h"
#include "route/yaml_reader.h"

namespace bantam {
namespace {

TEST(Yaml, TreeWithPlaces) {
  const YamlParse yaml = ParseYaml(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: [x, \"y z\", ~]\nc:\n  d: |\n    two\n    lines\n  e:\n");
  ASSERT_TRUE(yaml.problems.empty()) << yaml.problems[0].text;
  const YamlNode& root = yaml.root;
  ASSERT_EQ(root.kind, YamlNode::Kind::kMap);
  ASSERT_EQ(root.entries.size(), 3u);
  EXPECT_TRUE(root.Find("a")->value.plain);
  EXPECT_EQ(root.Find("a")->value.scalar, "1");
  const YamlNode& b = root.Find("b")->value;
  ASSERT_EQ(b.items.size(), 3u);
  EXPECT_FALSE(b.items[1].plain);
  EXPECT_EQ(b.items[1].scalar, "y z");
  EXPECT_EQ(b.items[1].place, (YamlPlace{2, 8}));
  EXPECT_EQ(b.items[2].kind, YamlNode::Kind::kNull);
  const YamlNode& c = root.Find("c")->value;
  EXPECT_EQ(c.Find("d")->value.scalar, "two\nlines\n");
  EXPECT_EQ(c.Find("e")->value.kind, YamlNode::Kind::kNull);
  EXPECT_EQ(c.Find("e")->value.place, (YamlPlace{7, 3}));
  EXPECT_EQ(root.Find("nothing"), nullptr);
}

TEST(Yaml, LimitsAreExact) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_TRUE(ParseYaml(nested(32)).problems.empty());
  EXPECT_EQ(ParseYaml(nested(33)).problems.size(), 1u);
  EXPECT_TRUE(ParseYaml("[1, 2, 3]", {.max_nodes = 4}).complete);
  EXPECT_FALSE(ParseYaml("[1, 2, 3, 4]", {.max_nodes = 4}).complete);
  EXPECT_TRUE(ParseYaml("abcd", {.max_bytes = 4}).complete);
  EXPECT_FALSE(ParseYaml("abcde", {.max_bytes = 4}).complete);
}

TEST(Yaml, HostileTextsEndQuickly) {
  for (const std::string& text :
       {std::string(200'000, '['), std::string(200'000, '{'), std::string(100'000, '-') + " x",
        std::string("a: ") + std::string(300'000, '?'), std::string(200'000, '\n'),
        std::string("\"") + std::string(200'000, '\\'), std::string("&a ") + std::string(200'000, '*')}) {
    static_cast<void>(ParseYaml(text));
  }
  std::string staircase;  // deep block nesting
  for (int i = 0; i < 400; ++i) staircase += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_FALSE(ParseYaml(staircase).complete);
  EXPECT_FALSE(ParseYaml("a: \xFF").complete);
  EXPECT_FALSE(ParseYaml(std::string_view("a: \0", 4)).complete);
  EXPECT_FALSE(ParseYaml("a: \x1B[31m").complete);
}

TEST(Yaml, StrictNumbers) {
  EXPECT_EQ(ParseStrictNumber("0"), 0);
  EXPECT_EQ(ParseStrictNumber("-0.5"), -0.5);
  EXPECT_EQ(ParseStrictNumber("+2e3"), 2000);
  EXPECT_EQ(ParseStrictNumber("1e-3"), 0.001);
  for (const char* bad :
       {"",      "-",   "+",   ".",    ".5", "5.", "010", "00",    "0x10", "0b1", "0o7", "1_000", "1,5",
        "1e400", "inf", "nan", ".inf", "1e", "1 ", " 1",  "1.2.3", "--1",  "1-1", "1e+", "0e",    "50%"}) {
    EXPECT_FALSE(ParseStrictNumber(bad)) << bad;
  }
  EXPECT_EQ(ParseStrictInteger("-12"), -12);
  EXPECT_EQ(ParseStrictInteger("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "1.0", "1e3", "012", "9223372036854775808", "0x1", "1_0"})
    EXPECT_FALSE(ParseStrictInteger(bad)) << bad;
}

TEST(Yaml, Durations) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(ParseDuration("20s"), milliseconds(20'000));
  EXPECT_EQ(ParseDuration("1.5m"), milliseconds(90'000));
  EXPECT_EQ(ParseDuration("24h"), milliseconds(86'400'000));
  EXPECT_EQ(ParseDuration("1d"), milliseconds(86'400'000));
  for (const char* bad : {"", "20", "s", "20 s", "-1s", "1w", "1e99s", "020s", "20S", "99999999999999d"})
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  for (const char* text : {"500ms", "20s", "30m", "7h", "3d", "0ms"})
    EXPECT_EQ(DurationText(*ParseDuration(text)), text);
}

TEST(Suggest, EditDistanceIsOptimalStringAlignment) {
  EXPECT_EQ(EditDistance("abc", "abc", 3), 0);
  EXPECT_EQ(EditDistance("abc", "acb", 3), 1);
  EXPECT_EQ(EditDistance("ca", "abc", 3), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting", 5), 3);
  EXPECT_EQ(EditDistance("größe", "grösse", 3), 2);
  EXPECT_EQ(EditDistance("", "abc", 3), 3);
  EXPECT_EQ(EditDistance("abcdef", "", 3), 4);  // above the limit
  EXPECT_EQ(EditDistance("abcdefgh", "hgfedcba", 2), 3);
}

// The banded version against the plain one over random short words.
TEST(Suggest, EditDistanceAgreesWithThePlainTable) {
  std::mt19937 random(7);
  const auto plain = [](const std::string& a, const std::string& b) {
    std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) {
      for (size_t j = 0; j <= b.size(); ++j) {
        if (i == 0 || j == 0) {
          d[i][j] = static_cast<int>(i + j);
          continue;
        }
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
    return d[a.size()][b.size()];
  };
  for (int i = 0; i < 3000; ++i) {
    std::string a, b;
    for (size_t n = random() % 8; n > 0; --n) a += static_cast<char>('a' + random() % 3);
    for (size_t n = random() % 8; n > 0; --n) b += static_cast<char>('a' + random() % 3);
    const int limit = static_cast<int>(random() % 6);
    EXPECT_EQ(EditDistance(a, b, limit), std::min(plain(a, b), limit + 1)) << a << " " << b << " " << limit;
  }
}

// Random damage to real route files: the reader never crashes, and whatever it says has a place within the file.
TEST(YamlFuzz, DamagedRouteFilesAreReadOrRefused) {
  const std::string big = ReadFile("examples/helpdesk/bantam.yaml").value_or("");
  ASSERT_FALSE(big.empty());
  const std::string whole = R"(version: 1
name: desk
encoder: {model: m, dtype: f32}
model_list:
  - {model_name: big, params: {model: openai/x, api_base: "https://h/v1", timeout: 20s}, cost: {input_per_1m: 0.15}}
routes:
  - name: refund
    utterances: [a, b, c, d, "e: f"]
    confidence_threshold: 0.75
    action: {type: form, form: f}
  - {name: legal, utterances: [i sue you], action: {type: escalate, model: big}}
  - {name: now, utterances: [what is up], action: {type: http, url: "http://h/", response: "{{a.b}}", on_error: utter_a}}
decision: {confidence_threshold: 0.4, nlu_fallback: big}
forms:
  f:
    slots:
      amount: {type: number, min: 1, max: 2.5, integer: true}
      why: {type: choice, choices: {broken: [defect], late: }}
      id: {type: regex, pattern: '[A-Z]+'}
    confirm: "{amount}?"
    submit: {type: http, url: "http://h/x", timeout: 2s}
responses: {utter_a: {text: b}}
cache: {mode: none, ttl: 1d, max_entries: 9}
tests:
  - {say: "refund!", expect: {route: refund, slot: why}}
)";
  ASSERT_OK(ParseRouteFile(whole, "f.yaml"));
  std::vector<std::string> seeds = {big.substr(0, 9'000), big.substr(big.size() / 2, 9'000),
                                    big.substr(big.size() - 9'000)};
  for (const char* name : {"syntax", "settings", "routes", "forms"}) {
    seeds.push_back(ReadFile(fmt::format("src/route/testdata/route_files/{}.txt", name)).value_or(""));
  }
  static constexpr const char* kTokens[] = {
      ":",    " ",      "\n",   "- ",           "[",   "]",     "{",     "}", "\"", "'",  "&a ", "*a",  "!!x ",
      "|\n",  ">",      "#",    "\t",           "? ",  "---\n", "...\n", "%", "@",  "\\", ",",   "0x1", "010",
      "name", "type: ", "\xC3", "\xE2\x82\xAC", "<<: "};
  std::mt19937 random(20260101);
  std::set<std::string> kinds_of_trouble;
  for (int round = 0; round < 1'500; ++round) {
    const bool small = random() % 2 == 0;
    std::string text = small ? whole : seeds[random() % seeds.size()];
    if (!small) text = text.substr(random() % text.size(), 200 + random() % 3'000);
    for (size_t edits = 1 + random() % (small ? 2 : 12); edits > 0 && !text.empty(); --edits) {
      const size_t at = random() % text.size();
      switch (random() % 5) {
        case 0:
          text.erase(at, 1 + random() % 20);
          break;
        case 1:
          text.insert(at, kTokens[random() % std::size(kTokens)]);
          break;
        case 2:
          text[at] = static_cast<char>(random());
          break;
        case 3:
          text.insert(at, text.substr(random() % text.size(), random() % 200));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    const int num_lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
    const Result<RouteFile> file = ParseRouteFile(text, "f.yaml");
    if (file) {
      for (const Route& route : file->routes) EXPECT_NE(route.action, nullptr);
      continue;
    }
    EXPECT_EQ(file.error().code, ErrorCode::kBadConfig);
    std::istringstream lines(file.error().message);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("... and ")) continue;
      int number = 0, column = 0, used = 0;
      ASSERT_EQ(std::sscanf(line.c_str(), "f.yaml:%d:%d: %n", &number, &column, &used), 2) << line;
      EXPECT_GE(number, 1) << line;
      EXPECT_LE(number, num_lines + 1) << line;
      EXPECT_GE(column, 1) << line;
      for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      kinds_of_trouble.insert(line.substr(static_cast<size_t>(used), 12));
    }
  }
  EXPECT_GT(kinds_of_trouble.size(), 40u);  // the damage reaches past the lexer
}

}  // namespace
}  // namespace bantam
