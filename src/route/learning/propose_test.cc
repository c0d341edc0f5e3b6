// Challengers, with the real model: made, judged, taken into force and back.
#include "base/sha256.h"
#include "learn/head.h"
#include "route/head_intent_model.h"
#include "route/learning/forget.h"
#include "route/learning/learner.h"
#include "route/state_folder.h"
#include "route/testing/learning_shop.h"

namespace bantam {
namespace {

using testing::kShopFile;
using testing::ShopMessage;
using testing::TempFolder;
class ProposeTest : public testing::LearningShop {};

TEST_F(ProposeTest, NothingIsLearnedThatNobodyHasAccepted) {
  const auto nothing = Make();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kConflict);
  EXPECT_EQ(nothing.error().message, "there is nothing to learn from yet");
  Fill(2, 0);
  const auto pending = Make();
  ASSERT_FALSE(pending);
  EXPECT_NE(pending.error().message.find("4 candidates wait to be reviewed"), std::string::npos);
  file_.learning->review = false;
  EXPECT_OK(Make());
}

TEST_F(ProposeTest, TooFewAuditedMessagesProveNothing) {
  Fill(5, 2);
  AcceptAll();
  ASSERT_OK_AND_ASSIGN(const Proposal proposal, Make());
  EXPECT_FALSE(proposal.proven);
  EXPECT_EQ(proposal.audited, 4);
  EXPECT_EQ(proposal.challenger.learned, 10);
  EXPECT_FALSE(proposal.looked) << "four messages could prove nothing";
  EXPECT_EQ(proposal.missing, LeastAnswers({0.25, 0.025}) - 4);
  EXPECT_NE(DescribeProposal(proposal, file_).find("9 more audited messages to the next look"), std::string::npos)
      << DescribeProposal(proposal, file_);
  const auto refused = PromoteChallenger(file_, folder_.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "generation 1 is not promoted: 13 audited messages at least are wanted, and there are 4");
  EXPECT_EQ(Outcomes(), (std::vector<std::string>{"reviewed", "refused"}));
}

TEST_F(ProposeTest, AChallengerThatAPurgeTookAwayIsComparedNoMore) {
  const IntentOptions options{
      .state_folder = folder_.path(), .keep_read = true, .max_disagreement = {}, .progress = {}};
  const std::string text = "is the warehouse staffed today";
  ASSERT_OK_AND_ASSIGN(const auto current, LoadIntentModel(file_, embedder_, options));
  Fill(1, 0);
  AcceptAll();
  ASSERT_OK(Make());
  TakeLearned(folder_.path(), file_);
  ASSERT_OK_AND_ASSIGN(const Understanding understanding, current->Understand(text, MonotonicTime::max()));
  auto shadow = Shadow::Load(file_, folder_.path(), embedder_, options);
  ASSERT_NE(shadow, nullptr);
  Learner learner(file_, folder_.path(), nullptr, std::move(shadow));
  learner.Start([](const AuditRecord&) {});
  const auto compared_after = [&](int64_t messages) -> int64_t {
    learner.Compare(text, understanding.read, "");
    learner.Count({.messages = 1});
    for (int i = 0; i < 2'000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      auto store = CandidateStore::Open(folder_.path()).value();
      if (store.TrafficOfGenerations().value()[0].messages == messages) return store.ShadowOf(0, 1)->messages;
    }
    return -1;
  };
  EXPECT_EQ(compared_after(1), 1);
  ASSERT_OK(ForgetMessages(folder_.path(), {.before_us = INT64_MAX}, /*dry_run=*/false));
  EXPECT_EQ(compared_after(2), 1);
  EXPECT_EQ(PromoteChallenger(file_, folder_.path()).error().code, ErrorCode::kNotFound);
}

TEST_F(ProposeTest, AProvenOneIsTakenIntoForceAndBack) {
  Fill(6, 10);
  AcceptAll();
  ASSERT_OK_AND_ASSIGN(const Proposal proposal, Make());
  EXPECT_TRUE(proposal.proven) << DescribeProposal(proposal, file_);
  EXPECT_EQ(proposal.audited, 20);
  EXPECT_EQ(proposal.challenger.wrong, 0);
  EXPECT_GT(proposal.coverage_gain(), 0.05);
  EXPECT_LE(proposal.challenger.upper_bound, 0.25);
  EXPECT_EQ(proposal.look, 1);
  EXPECT_DOUBLE_EQ(proposal.delta, 0.025);
  // The same candidates give the same bytes.
  const GenerationFiles first = LearningFiles(folder_.path()).Of(1);
  const std::string head = Sha256HexOfFile(StateFiles(first.folder).head).value();
  EXPECT_EQ(head, proposal.challenger.head_sha256);
  // Hardly more messages than the last time are no look, which would cost certainty.
  Fill(0, 1, 16);
  ASSERT_OK_AND_ASSIGN(const Proposal soon, Make());
  EXPECT_FALSE(soon.looked);
  EXPECT_EQ(soon.missing, 8);
  EXPECT_EQ(soon.why_not,
            "the next look at audited messages is due when there are 30 of them, half as many again as at the last; "
            "there are 22");
  Fill(0, 4, 17);
  ASSERT_OK_AND_ASSIGN(const Proposal again, Make());
  EXPECT_EQ(again.audited, 30);
  EXPECT_EQ(again.challenger.generation, 3);
  EXPECT_EQ(again.challenger.head_sha256, head);
  EXPECT_EQ(again.earlier, 2);
  EXPECT_EQ(again.look, 2);
  EXPECT_DOUBLE_EQ(again.delta, 0.05 / 6);
  EXPECT_FALSE(std::filesystem::exists(first.folder)) << "one challenger at a time";

  ASSERT_OK_AND_ASSIGN(const int64_t promoted, PromoteChallenger(file_, folder_.path()));
  EXPECT_EQ(promoted, 3);
  RouteFile served = file_;
  TakeLearned(folder_.path(), served);
  EXPECT_EQ(served.generation, 3);
  EXPECT_EQ(served.learned.size(), 12u);
  EXPECT_EQ(served.audited.size(), 30u);
  ASSERT_OK_AND_ASSIGN(const auto model,
                       LoadIntentModel(served, embedder_,
                                       {.state_folder = LearningFiles(folder_.path()).HeadFolder(served.generation),
                                        .may_write = false,
                                        .max_disagreement = {},
                                        .progress = [](std::string_view stage, double) {
                                          EXPECT_FALSE(stage.starts_with("train")) << "its head is there already";
                                        }}));
  EXPECT_EQ(model->head()->Sha256(), head);
  EXPECT_EQ(model->calibration().points.size(), 30u);

  EXPECT_EQ(PromoteChallenger(file_, folder_.path()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(RollBack(folder_.path(), 1).error().code, ErrorCode::kNotFound);
  ASSERT_OK_AND_ASSIGN(const int64_t before, RollBack(folder_.path(), {}));
  EXPECT_EQ(before, 0);
  TakeLearned(folder_.path(), served);
  EXPECT_EQ(served.generation, 0);
  EXPECT_EQ(served.challenger, 3);
  EXPECT_TRUE(served.learned.empty());
  ASSERT_OK_AND_ASSIGN(const LearningStatus status, ReadLearningStatus(file_, folder_.path()));
  ASSERT_TRUE(status.challenger);
  EXPECT_EQ(status.challenger->challenger.head_sha256, head);
  EXPECT_EQ(DescribeProposal(*status.challenger, file_), DescribeProposal(again, file_));
  EXPECT_EQ(Outcomes(),
            (std::vector<std::string>{"reviewed", "proposed", "refused", "proposed", "promoted", "rolled back"}));
  // Another file is another assistant as far as proofs go.
  file_.sha256 = "another";
  EXPECT_EQ(PromoteChallenger(file_, folder_.path()).error().code, ErrorCode::kConflict);
}

TEST_F(ProposeTest, TheHeadInForceIsJudgedOnWhatCameSince) {
  Fill(6, 10);
  AcceptAll();
  ASSERT_OK(Make());
  ASSERT_OK(PromoteChallenger(file_, folder_.path()));
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
    for (int i = 50; i < 60; ++i) {  // what was right is wrong now
      HeardMessage message =
          ShopMessage(fmt::format("is the warehouse in town number {} staffed on that day", i), true);
      message.generation = 1;
      ASSERT_OK(store.Hear(message));
      ASSERT_OK_AND_ASSIGN(const auto all, store.List({.labelled = false}));
      ASSERT_OK(store.Label(all.back().id, "refund"));
    }
  }
  ASSERT_OK_AND_ASSIGN(const Proposal proposal, Make());
  EXPECT_EQ(proposal.audited, 30);
  EXPECT_EQ(proposal.fresh_answered, 10);
  EXPECT_EQ(proposal.fresh_wrong, 10);
  EXPECT_NE(DescribeProposal(proposal, file_).find("erred in 10 of 10 audited answers"), std::string::npos);
}

// What serves decides by the threshold that was proven, however often the file is read again.
TEST_F(ProposeTest, ABudgetIsServedAsItWasProven) {
  std::string text(kShopFile);
  text.replace(text.find("policy: threshold, confidence_threshold: 0.6"), 44, "max_error: 0.25");
  file_ = ParseRouteFile(text, "/h/shop.yaml").value();
  Fill(6, 10);
  AcceptAll();
  ASSERT_OK(Make());
  Fill(0, 7, 16);
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const Proposal proposal, Make());
    ASSERT_TRUE(proposal.proven) << DescribeProposal(proposal, file_);
    EXPECT_DOUBLE_EQ(proposal.delta, DeltaOfLook(0.05, 2 + i));
    ASSERT_OK(PromoteChallenger(file_, folder_.path()));
    for (int again = 0; again < 2; ++again) TakeLearned(folder_.path(), file_);
    EXPECT_EQ(file_.look, 2 + i);
    ASSERT_OK_AND_ASSIGN(const auto model,
                         LoadIntentModel(file_, embedder_,
                                         {.state_folder = LearningFiles(folder_.path()).HeadFolder(file_.generation),
                                          .may_write = false,
                                          .max_disagreement = {},
                                          .progress = {}}));
    const DecisionPolicy policy(file_, model->threshold(), model->calibration());
    EXPECT_EQ(policy.common().threshold, proposal.challenger.threshold);
    if (i == 0) {
      Fill(0, 20, 30);
      file_.learning->min_coverage_gain = 0;
    }
  }
}

TEST(Learning, AllLooksTogetherSpendDelta) {
  double spent = 0;
  for (int64_t look = 1; look <= 100'000; ++look) spent += DeltaOfLook(0.05, look);
  EXPECT_LE(spent, 0.05);
  EXPECT_NEAR(spent, 0.05, 1e-6);
  EXPECT_EQ(DeltaOfLook(0.05, 0), 0.05);
}

TEST_F(ProposeTest, ReviewTakesAllOrNothing) {
  Fill(2, 0);
  ASSERT_OK(CandidateStore::Open(folder_.path())->Hear(ShopMessage("not labelled yet")));
  const std::vector<int64_t> some = {1, 2}, with_unlabelled = {1, 5}, with_unknown = {1, 77};
  EXPECT_EQ(ReviewCandidates(file_, folder_.path(), with_unlabelled, Verdict::kAccepted).error().code,
            ErrorCode::kConflict);
  EXPECT_EQ(ReviewCandidates(file_, folder_.path(), with_unknown, Verdict::kRejected).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(ReviewCandidates(file_, folder_.path(), some, Verdict::kRelabelled, "huors").error().message,
            "there is no route \"huors\"; did you mean \"hours\"?");
  EXPECT_OK(ReviewCandidates(file_, folder_.path(), with_unlabelled, Verdict::kRelabelled, "oos"));
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
  ASSERT_OK_AND_ASSIGN(const CandidateCounts counts, store.Counts());
  EXPECT_EQ(counts.relabelled, 2);
  EXPECT_EQ(counts.accepted + counts.rejected, 0);
}

TEST(Generations, WhatCannotBeReadIsServedWithout) {
  TempFolder folder;
  RouteFile file = ParseRouteFile(kShopFile, "/h/shop.yaml").value();
  ASSERT_OK(WriteFileAtomic(LearningFiles(folder.path()).generations, "{\"current\": 1}"));
  EXPECT_EQ(ReadGenerations(folder.path()).error().code, ErrorCode::kCorrupt);
  TakeLearned(folder.path(), file);
  EXPECT_EQ(file.generation, 0);
  ASSERT_OK(WriteGenerations(folder.path(), {.current = 3, .earlier = {2, 0}, .challenger = 0, .last = 3}));
  TakeLearned(folder.path(), file);
  EXPECT_EQ(file.generation, 0) << "its texts are not there";
  ASSERT_OK(WriteLearnedTexts(LearningFiles(folder.path()).Of(3),
                              {{{"a", "hours"}, {"b", "gone"}, {"c", "oos"}}, {{"d", "refund"}}}));
  TakeLearned(folder.path(), file);
  EXPECT_EQ(file.generation, 3);
  EXPECT_EQ(file.learned.size(), 2u) << "a route that the file no longer has";
  EXPECT_EQ(file.audited.size(), 1u);
  file.learning.reset();
  TakeLearned(folder.path(), file);
  EXPECT_EQ(file.generation, 0);
}

}  // namespace
}  // namespace bantam
