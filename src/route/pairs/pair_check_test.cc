#include "route/pairs/pair_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "route/pairs/pair_suite.h"
#include "route/pairs/question_facts.h"

namespace bantam {
namespace {

// The check that refuses, or "hit".
std::string Judge(std::string_view a, std::string_view b, double similarity = 0.95, const PairRule& rule = {}) {
  const auto refusal = CompareQuestions(ReadQuestion(a), ReadQuestion(b), similarity, rule);
  return refusal ? std::string(PairCheckName(refusal->check)) : "hit";
}

TEST(PairCheck, EveryCheckHasItsOwn) {
  EXPECT_EQ(Judge("how do I pay 20 euros", "how do I pay 30 euros"), "numbers");
  EXPECT_EQ(Judge("how do I pay twenty euros", "how do I pay 20 euros"), "hit");
  EXPECT_EQ(Judge("how do I pay three hundred and five euros", "how do I pay 305 euros"), "hit");
  EXPECT_EQ(Judge("what is on the 3rd floor", "what is on the third floor"), "hit");
  EXPECT_EQ(Judge("is the shop open at 10:30", "is the shop open at 10:45"), "numbers");
  EXPECT_EQ(Judge("how do I pay $1,200.50", "how do I pay 1200.5 dollars"), "hit");
  EXPECT_EQ(Judge("how do I pay 20 euros", "how do I pay 20 dollars"), "units");
  EXPECT_EQ(Judge("why is my card working", "why isn't my card working"), "negation");
  EXPECT_EQ(Judge("why can't I pay", "why can I not pay"), "hit");
  EXPECT_EQ(Judge("how do I turn all of my alerts off", "how do I disable all of my alerts"), "hit");
  EXPECT_EQ(Judge("how do I turn all of my alerts off", "how do I turn all of my alerts on"), "polarity");
  EXPECT_EQ(Judge("can I apply before June", "can I apply after June"), "comparison");
  EXPECT_EQ(Judge("how do I contact Anna", "how do I contact Boris"), "entities");
  EXPECT_EQ(Judge("how do I open the file a.txt", "how do I open the file b.txt"), "entities");
  EXPECT_EQ(Judge("what does \"tare\" mean", "what does \"gross\" mean"), "entities");
  EXPECT_EQ(Judge("how do I get to Paris", "how do i get to paris"), "hit");
  EXPECT_EQ(Judge("when will the parcel arrive", "where will the parcel arrive"), "question");
  EXPECT_EQ(Judge("what is my name", "what is your name"), "question");
  EXPECT_EQ(Judge("when did the sale start", "when will the sale start"), "question");
  EXPECT_EQ(Judge("how do I fly from Rome to Oslo", "how do I fly from Oslo to Rome"), "order");
  EXPECT_EQ(Judge("how do I fly from Rome to Oslo", "how do I fly to Oslo from Rome"), "hit");
  EXPECT_EQ(Judge("write poem 1 0 about the moon", "write poem 0 1 about the moon"), "order");
  EXPECT_EQ(Judge("what does the code 3 3 4 open", "what does the code 3 4 3 open"), "numbers");
  EXPECT_EQ(Judge("is a table free at 7 on the 12th", "is a table free on the 12th at 7"), "hit");
  EXPECT_EQ(Judge("can you pay me", "can I pay you"), "order");
  EXPECT_EQ(Judge("how do I change the password of my account", "how do I change my account password"), "hit");
  EXPECT_EQ(Judge("how do I crop a picture", "how do I frame a picture", 0.9), "words");
}

TEST(PairCheck, WordsThatOneHasAloneAskForMoreSimilarity) {
  EXPECT_EQ(Judge("how do I change my password", "how can I change my password", 0.66), "hit");
  EXPECT_EQ(Judge("how do I change my password", "how can I change my password", 0.64), "words");
  EXPECT_EQ(Judge("how do I change my velvet password", "how can I change my password", 0.80), "words");
  EXPECT_EQ(Judge("how do I change my velvet password", "how can I change my password", 0.90), "hit");
  EXPECT_EQ(Judge("how do I change my velvet password", "how can I change my castle password", 0.90), "words");
}

TEST(PairCheck, ACheckThatIsLeftOutRefusesNothing) {
  PairRule rule;
  rule.checks[static_cast<size_t>(PairCheck::kPolarity)] = false;
  EXPECT_EQ(Judge("how do I enable the alarm", "how do I disable the alarm", 0.95, rule), "hit");
  EXPECT_EQ(Judge("how do I enable alarm 1", "how do I disable alarm 2", 0.95, rule), "numbers");
}

TEST(PairCheck, WhatItCannotReadIsAMiss) {
  EXPECT_EQ(Judge("Wie kann ich meinen Zugang aktivieren?", "Wie kann ich meinen Zugang deaktivieren?"), "words");
  EXPECT_EQ(Judge("comment activer mon compte", "comment fermer mon compte"), "words");
  EXPECT_EQ(Judge("как включить звук", "как выключить звук"), "words");
  EXPECT_EQ(Judge("", ""), "words");
  EXPECT_EQ(Judge("how do I pay \xFF", "how do I pay \xFF"), "words");
  EXPECT_EQ(Judge("how do I pay", "how do I pay", std::nan("")), "words");
  EXPECT_EQ(Judge(std::string(5'000, 'a') + " how do I pay", std::string(5'000, 'a') + " how do I pay"), "words");
}

// Any order of the two, and any question with itself.
TEST(PairCheck, IsSymmetricAndReflexive) {
  for (const auto& pairs : {BuiltInPairs(), HeldOutPairs()}) {
    for (const CachePair& pair : pairs) {
      for (const double similarity : {0.7, 0.88, 0.97}) {
        EXPECT_EQ(Judge(pair.cached, pair.asked, similarity) == "hit",
                  Judge(pair.asked, pair.cached, similarity) == "hit")
            << pair.cached << " | " << pair.asked;
      }
      const std::string self = Judge(pair.cached, pair.cached, 1);
      EXPECT_EQ(self, ReadQuestion(pair.cached).readable ? "hit" : "words") << pair.cached;
    }
  }
}

TEST(PairCheck, BytesOfAnyKindAreRead) {
  std::mt19937 random(1);
  const std::string alphabet = "ab 1.,:;-/'\"@#$%_\\\n\xC3\xA9\xE2\x82\xAC\xFFnot two hundred from to";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    ReadQuestion(text);
  }
  EXPECT_FALSE(ReadQuestion("one hundred million billion billion billion billion billion the").numbers.empty());
}

TEST(WordTable, SaysWhatIsWrongWithATable) {
  const auto problem = [](std::string_view text) {
    const auto table = WordTable::Parse(text);
    return table ? std::string("none") : table.error().message;
  };
  EXPECT_EQ(problem("[polarity]\non | off\n"), "none");
  EXPECT_EQ(problem("[colour]\nred\n"), "words.txt:1: \"colour\" is no check");
  EXPECT_EQ(problem("red\n"), "words.txt:1: words before the first heading");
  EXPECT_EQ(problem("[polarity]\nopens | closed\nopen\n"), "words.txt:3: \"open\" stands twice");
  EXPECT_EQ(problem("[polarity]\non,, off\n"), "words.txt:2: nothing between two commas");
}

TEST(WordTable, StemsInflections) {
  for (const auto& [a, b] : std::initializer_list<std::pair<const char*, const char*>>{{"changes", "changing"},
                                                                                       {"charged", "charge"},
                                                                                       {"stopping", "stop"},
                                                                                       {"copies", "copied"},
                                                                                       {"moving", "move"},
                                                                                       {"boxes", "box"},
                                                                                       {"went", "go"},
                                                                                       {"using", "used"},
                                                                                       {"opened", "open"},
                                                                                       {"saves", "saving"}})
    EXPECT_EQ(Stem(a), Stem(b)) << a;
  for (const auto& [a, b] : std::initializer_list<std::pair<const char*, const char*>>{
           {"plane", "plan"}, {"here", "her"}, {"wine", "win"}, {"status", "stat"}})
    EXPECT_NE(Stem(a), Stem(b)) << a;
}

}  // namespace
}  // namespace bantam
