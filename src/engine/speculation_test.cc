#include "engine/speculation.h"

#include <gtest/gtest.h>

#include "engine/drain_rate.h"
#include "engine/fair_shares.h"
#include "engine/prompt_lookup.h"

namespace bantam {
namespace {

std::vector<int32_t> Foreseen(const std::vector<int32_t>& tokens, size_t count) {
  const Repeat repeat = FindRepeat(tokens);
  std::vector<int32_t> out;
  if (repeat.matched > 0) CopyRepeat(tokens, repeat, count, out);
  return out;
}

TEST(PromptLookup, TheLongestRepeatThenTheLast) {
  EXPECT_EQ(FindRepeat(std::vector<int32_t>{}).matched, 0);
  EXPECT_EQ(FindRepeat(std::vector<int32_t>{1, 2}).matched, 0);
  EXPECT_EQ(FindRepeat(std::vector<int32_t>{1, 2, 3, 4, 2}).matched, 0) << "one token foresees nothing";
  EXPECT_EQ(Foreseen({1, 2, 9, 8, 1, 2}, 2), (std::vector<int32_t>{9, 8}));
  EXPECT_EQ(Foreseen({1, 2, 9, 1, 2, 8, 1, 2}, 1), (std::vector<int32_t>{8}));
  // Three that are alike are better than the two that came later.
  EXPECT_EQ(Foreseen({5, 1, 2, 9, 7, 1, 2, 8, 5, 1, 2}, 1), (std::vector<int32_t>{9}));
  EXPECT_EQ(FindRepeat(std::vector<int32_t>{5, 1, 2, 9, 7, 1, 2, 8, 5, 1, 2}).matched, 3);
  // What goes round goes on going round.
  EXPECT_EQ(Foreseen({4, 1, 2, 3, 1, 2, 3, 1, 2}, 5), (std::vector<int32_t>{3, 1, 2, 3, 1}));
  EXPECT_EQ(Foreseen({7, 7, 7}, 3), (std::vector<int32_t>{7, 7, 7}));
  EXPECT_EQ(FindRepeat(std::vector<int32_t>(100, 7)).matched, Repeat::kMost);
}

TEST(StepCosts, BetweenWhatWasSeenAndBeyond) {
  StepCosts costs;
  EXPECT_FALSE(costs.Known(1));
  costs.Observe(1, 30);  // which made room
  costs.Observe(1, 10);
  EXPECT_TRUE(costs.Known(1));
  EXPECT_DOUBLE_EQ(costs.Milliseconds(1), 10);
  EXPECT_GT(costs.Milliseconds(5), 10);
  costs.Observe(9, 18);
  EXPECT_DOUBLE_EQ(costs.Milliseconds(5), 14);
  EXPECT_DOUBLE_EQ(costs.Milliseconds(17), 26);
  costs.Observe(0, 1);
  costs.Observe(1000, 1);
  EXPECT_FALSE(costs.Known(1000));
  // One step that was held up says little; many are the new truth.
  costs.Observe(1, 10);
  costs.Observe(1, 1000);
  EXPECT_LT(costs.Milliseconds(1), 11);
  for (int i = 0; i < 100; ++i) costs.Observe(1, 20);
  EXPECT_NEAR(costs.Milliseconds(1), 20, 0.1);
}

// rows -> 10 ms and `each` for each row more.
StepCosts Linear(double each) {
  StepCosts costs;
  for (int rows = 1; rows <= StepCosts::kMostRows; ++rows) {
    for (int i = 0; i < 3; ++i) costs.Observe(rows, 10 + each * (rows - 1));
  }
  return costs;
}

int Granted(double acceptance, double each, DraftOffer offer = {.length = 15}, DraftStep step = {1, 1, 200}) {
  offer.acceptance = acceptance;
  PlanDrafts(std::span(&offer, 1), Linear(each), step);
  return offer.granted;
}

TEST(PlanDrafts, LengthFollowsAcceptanceAndCost) {
  EXPECT_EQ(Granted(0.99, 0.1), 15);
  EXPECT_EQ(Granted(0.1, 2), 0);
  EXPECT_EQ(Granted(0, 0.01), 0);
  int before = 15;
  for (const double each : {0.1, 0.5, 1.0, 2.0, 4.0, 9.0, 20.0}) {
    const int granted = Granted(0.8, each);
    EXPECT_LE(granted, before) << each;
    before = granted;
  }
  EXPECT_EQ(before, 0);
  before = 0;
  for (const double acceptance : {0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97}) {
    const int granted = Granted(acceptance, 1);
    EXPECT_GE(granted, before) << acceptance;
    before = granted;
  }
  EXPECT_GT(before, 4);
  // The best of all lengths, computed by hand.
  double best = 1 / 10.0;
  int length = 0;
  for (int k = 1; k <= 15; ++k) {
    double tokens = 1;
    for (int i = 1; i <= k; ++i) tokens += std::pow(0.7, i);
    if (tokens / (10 + k) > best) {
      best = tokens / (10 + k);
      length = k;
    }
  }
  EXPECT_EQ(Granted(0.7, 1), length);
}

TEST(PlanDrafts, KeepsToTheBudgetAndTheRowsThatAreKnown) {
  EXPECT_EQ(Granted(0.99, 0.1, {.length = 15}, {1, 1, 4}), 4);
  EXPECT_EQ(Granted(0.99, 0.1, {.length = 2}), 2);
  EXPECT_EQ(Granted(0.99, 0.1, {.length = 15}, {64, 1, 100}), 0);
  EXPECT_EQ(Granted(0.99, 0.1, {.length = 15}, {200, 1, 100}), 0);
  DraftOffer offer{.acceptance = 0.9, .length = 15};
  PlanDrafts(std::span(&offer, 1), StepCosts(), {1, 1, 100});
  EXPECT_EQ(offer.granted, 0) << "nothing is known yet";
}

TEST(PlanDrafts, RowsGoToTheTextThatUsesThem) {
  std::vector<DraftOffer> offers = {{.acceptance = 0.1, .length = 15}, {.acceptance = 0.95, .length = 15}};
  PlanDrafts(offers, Linear(1.5), {8, 8, 200});
  EXPECT_EQ(offers[0].granted, 0);
  EXPECT_GT(offers[1].granted, 2);
  offers = std::vector<DraftOffer>(8, {.acceptance = 0.9, .length = 15});
  PlanDrafts(offers, Linear(0.2), {8, 8, 200});
  for (const DraftOffer& other : offers) EXPECT_NEAR(other.granted, offers[0].granted, 1);
  // A pass of a draft model costs time before the step: at half a step each it does not pay, at a hundredth it does.
  EXPECT_EQ(Granted(0.6, 0.2, {.length = 15, .pass_ms = 7}), 0);
  EXPECT_GT(Granted(0.6, 0.2, {.length = 15, .pass_ms = 0.1}), 1);
}

// A repeat that is right less often is better than a model that takes as long as the step.
TEST(BestRate, ComparesWhatDraftsCost) {
  const StepCosts costs = Linear(0.3);
  const DraftStep step{1, 1, 200};
  const DraftOffer repeat{.acceptance = 0.5, .length = 15}, dear{.acceptance = 1, .length = 15, .pass_ms = 10},
      cheap{.acceptance = 0.9, .length = 15, .pass_ms = 0.5};
  EXPECT_GT(BestRate(repeat, costs, step), BestRate(dear, costs, step));
  EXPECT_GT(BestRate(cheap, costs, step), BestRate(repeat, costs, step));
  EXPECT_EQ(BestRate(repeat, StepCosts(), step), 0);
  DraftOffer offer = dear;
  PlanDrafts(std::span(&offer, 1), costs, step);
  EXPECT_EQ(offer.granted, 0);
}

TEST(PlanDrafts, ProbesNowAndThen) {
  EXPECT_EQ(Granted(0.01, 2, {.length = 15, .probe = true}), 1);
  AcceptanceBook book;
  DraftHistory history;
  const auto source = DraftSource::kRepeat3;
  std::vector<int> waits;
  for (int i = 0, wait = 0; i < 2000; ++i, ++wait) {
    if (!history.Probes(source)) {
      history.Declined(source);
      continue;
    }
    waits.push_back(wait);
    wait = 0;
    history.Count(source, 1, 0, true);  // in vain
  }
  EXPECT_TRUE(std::ranges::is_sorted(waits));
  EXPECT_LE(waits.size(), 14u);
  EXPECT_FALSE(DraftHistory().Probes(source)) << "a text begins without";
  history.Count(source, 1, 1, false);
  for (int i = 0; i < 8; ++i) history.Declined(source);
  EXPECT_TRUE(history.Probes(source)) << "after a right one soon again";
  // A probe that is right says nothing of what it costs: it comes as seldom as before, not more often.
  for (int i = 0; i < 3; ++i) history.Count(source, 1, 0, true);
  history.Count(source, 1, 1, true);
  for (int i = 0; i < 63; ++i) history.Declined(source);
  EXPECT_FALSE(history.Probes(source));
  history.Declined(source);
  EXPECT_TRUE(history.Probes(source));
}

TEST(DraftHistory, LearnsFromItsOwnTextAndFromOthers) {
  AcceptanceBook book;
  DraftHistory history;
  const auto source = DraftSource::kRepeat2;
  const double first = history.Rate(source, book);
  for (int i = 0; i < 30; ++i) history.Count(source, 4, 0, false);
  EXPECT_LT(history.Rate(source, book), 0.1);
  EXPECT_NEAR(history.Rate(DraftSource::kRepeat9, book), DraftHistory().Rate(DraftSource::kRepeat9, book), 1e-9);
  for (int i = 0; i < 60; ++i) history.Count(source, 4, 4, false);
  EXPECT_GT(history.Rate(source, book), 0.9);
  for (int i = 0; i < 500; ++i) book.Count(source, 1, 0);
  EXPECT_LT(DraftHistory().Rate(source, book), first / 2);
  // Three right and one wrong of five: what came after the wrong one says nothing.
  Acceptance acceptance;
  acceptance.Count(5, 3, 1);
  EXPECT_DOUBLE_EQ(acceptance.Rate(0, 0), 0.75);
}

TEST(FairShares, NobodySavesUpTimeThatHeDidNotUse) {
  FairShares shares;
  FairShares::Share* a = shares.Enter(0, "a");
  shares.Begin(*a);
  shares.Charge(*a, 1000);
  FairShares::Share* again = shares.Enter(0, "a");
  EXPECT_EQ(again, a);
  shares.Begin(*again);
  EXPECT_EQ(shares.Enter(0, "b")->used, 1000);
  EXPECT_EQ(shares.Enter(1, "b")->used, 0) << "another priority";
  shares.Charge(*a, 500);
  shares.Leave(*a);
  shares.Leave(*a);
  EXPECT_EQ(shares.Enter(0, "a")->used, 1500) << "who leaves and comes again has had no less";
}

TEST(FairShares, KeysAreForgotten) {
  FairShares shares;
  FairShares::Share* always = shares.Enter(0, "always");
  for (int i = 0; i < 10'000; ++i) {
    FairShares::Share* once = shares.Enter(0, std::to_string(i));
    shares.Begin(*once);
    shares.Charge(*once, 1);
    shares.Begin(*once);
    shares.Leave(*once);
  }
  EXPECT_LE(shares.num_keys(), 130u);
  shares.Leave(*always);
  EXPECT_EQ(shares.num_keys(), 0u);
}

TEST(DrainRate, SaysWhenAQueueHasEmptied) {
  using std::chrono::milliseconds;
  const MonotonicTime start = MonotonicTime{} + std::chrono::hours(1);
  DrainRate rate;
  EXPECT_EQ(rate.RetryAfter(10, start), 1) << "nothing is known";
  rate.Start(start);
  MonotonicTime now = start;
  for (int i = 0; i < 50; ++i) rate.Ended(1, now += milliseconds(500));
  EXPECT_EQ(rate.RetryAfter(10, now), 5);
  EXPECT_EQ(rate.RetryAfter(1, now), 1);
  EXPECT_EQ(rate.RetryAfter(1'000'000, now), DrainRate::kMostSeconds);
  // Four at once each two seconds are as fast.
  for (int i = 0; i < 50; ++i) rate.Ended(4, now += milliseconds(2000));
  EXPECT_EQ(rate.RetryAfter(10, now), 5);
  // It gets faster, and stands still.
  for (int i = 0; i < 100; ++i) rate.Ended(1, now += milliseconds(100));
  EXPECT_EQ(rate.RetryAfter(9, now), 1);
  EXPECT_EQ(rate.RetryAfter(10, now + std::chrono::seconds(3)), 30);
}

}  // namespace
}  // namespace bantam
