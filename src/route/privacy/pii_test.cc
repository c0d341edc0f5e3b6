#include "route/privacy/pii.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "base/clock.h"
#include "base/testing.h"

namespace bantam {
namespace {

struct Labelled {
  std::string text;  // without the labels
  std::vector<PiiSpan> spans;
};

// "call [[PHONE +44 ...]]" -> the text and where the number stands in it.
Labelled ReadLine(std::string_view line) {
  Labelled labelled;
  for (size_t open = line.find("[["); open != std::string_view::npos; open = line.find("[[")) {
    if (line.substr(open + 2).starts_with('[')) ++open;  // "[[[IP ::2]]]": in brackets
    labelled.text += line.substr(0, open);
    const size_t space = line.find(' ', open), close = line.find("]]", open);
    const std::string_view value = line.substr(space + 1, close - space - 1);
    const auto type = ParsePiiType(line.substr(open + 2, space - open - 2));
    EXPECT_TRUE(type) << line;
    const size_t begin = labelled.text.size();
    labelled.text += value;
    labelled.spans.push_back({begin, labelled.text.size(), type.value_or(PiiType::kEmail)});
    line.remove_prefix(close + 2);
  }
  labelled.text += line;
  return labelled;
}

std::string Shown(std::string_view text, const std::vector<PiiSpan>& spans) {
  std::string shown;
  for (const PiiSpan& span : spans) {
    shown += fmt::format("{} \"{}\"; ", PiiTypeName(span.type), text.substr(span.begin, span.end - span.begin));
  }
  return shown;
}

// Found exactly, or not: half a card number is no find.
TEST(Pii, LabelledMessages) {
  struct Score {
    int found = 0, missed = 0, wrong = 0;
  };
  std::map<PiiType, Score> scores;
  std::ifstream in("src/route/testdata/privacy/labelled.txt");
  int lines = 0, negative = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    ++lines;
    const Labelled labelled = ReadLine(line);
    negative += labelled.spans.empty();
    const std::vector<PiiSpan> found = FindPii(labelled.text);
    const auto has = [](const std::vector<PiiSpan>& spans, const PiiSpan& span) {
      return std::ranges::any_of(spans, [&](const PiiSpan& other) {
        return other.begin == span.begin && other.end == span.end && other.type == span.type;
      });
    };
    bool good = true;
    for (const PiiSpan& span : labelled.spans) {
      ++(has(found, span) ? scores[span.type].found : scores[span.type].missed);
      good = good && has(found, span);
    }
    for (const PiiSpan& span : found) {
      scores[span.type].wrong += !has(labelled.spans, span);
      good = good && has(labelled.spans, span);
    }
    if (!good) fmt::print("  {}\n    found {}\n", labelled.text, Shown(labelled.text, found));
  }
  ASSERT_GE(lines, 150);
  ASSERT_GE(negative, 60);
  Score all;
  for (const auto& [type, score] : scores) {
    fmt::print("  {:7} {:3} found, {} missed, {} wrong\n", PiiTypeName(type), score.found, score.missed, score.wrong);
    all.found += score.found;
    all.missed += score.missed;
    all.wrong += score.wrong;
  }
  const double precision = static_cast<double>(all.found) / (all.found + all.wrong);
  const double recall = static_cast<double>(all.found) / (all.found + all.missed);
  fmt::print("  {} messages, {} of them without anything: precision {:.3f}, recall {:.3f}\n", lines, negative,
             precision, recall);
  EXPECT_GE(precision, 1.0);
  EXPECT_GE(recall, 1.0);
}

TEST(Pii, NumbersAsTheyAreTypeset) {
  const auto found = [](std::string_view text) { return Shown(text, FindPii(text)); };
  EXPECT_EQ(found("4111\u00A01111\u00A01111\u00A01111"), "CARD \"4111\u00A01111\u00A01111\u00A01111\"; ");
  EXPECT_EQ(found("+44\u202F20\u202F7946\u202F0958"), "PHONE \"+44\u202F20\u202F7946\u202F0958\"; ");
  EXPECT_EQ(found("212\u2011555\u20110187"), "PHONE \"212\u2011555\u20110187\"; ");
  EXPECT_EQ(found("DE89\u00A03704\u00A00044\u00A00532\u00A00130\u00A000"),
            "IBAN \"DE89\u00A03704\u00A00044\u00A00532\u00A00130\u00A000\"; ");
}

TEST(Pii, PrivateKeysAreFoundWhole) {
  const std::string key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----";
  const std::string text = "here: " + key + " thanks";
  EXPECT_EQ(Shown(text, FindPii(text)), "SECRET \"" + key + "\"; ");
  const std::string cut = "-----BEGIN PRIVATE KEY-----\nMIIE";
  EXPECT_EQ(Shown(cut, FindPii(cut)), "SECRET \"" + cut + "\"; ");
  EXPECT_TRUE(FindPii("-----BEGIN PUBLIC KEY-----\nMIIE").empty());
}

TEST(Pii, SpansAreInOrderAndApartWhateverTheText) {
  const std::vector<std::string> pieces = {
      "a", "@", ".",   "example.org", "+",           "44",   "0",       "1",        " ",   "-",
      "(", ")", ":",   "::",          "203.0.113.9", "4",    "DE",      "password", "sk-", "<",
      ">", "/", "eyJ", "ü",           "\xC3",        "\xFF", "Bearer ", "://",      "=",   "4111 1111 1111 1111"};
  std::minstd_rand random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (size_t i = random() % 20; i > 0; --i) text += pieces[random() % pieces.size()];
    size_t end = 0;
    for (const PiiSpan& span : FindPii(text)) {
      ASSERT_LE(end, span.begin) << text;
      ASSERT_LT(span.begin, span.end) << text;
      ASSERT_LE(span.end, text.size()) << text;
      end = span.end;
    }
  }
}

// What a scanner looks at again is bounded: texts made of what makes each of them look closely come to an end.
TEST(Pii, HostileTextsEnd) {
  for (const char* piece : {"a",       "@",   "1",     "1 ",          "+1",
                            "0.",      "a@",  "1-",    "(",           "::",
                            "a:",      "sk-", "eyJa.", "eyJ",         "password:",
                            "Bearer ", "://", "DE89",  "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
                            "4111 ",   "a.",  "ü"}) {
    std::string text;
    while (text.size() < (size_t{1} << 18)) text += piece;
    FindPii(text);
  }
}

}  // namespace
}  // namespace bantam
