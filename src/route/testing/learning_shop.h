// For tests only: a shop's assistant with the real encoder, in a folder of its own, that learns from what it hears.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/testing.h"
#include "route/learning/learning_admin.h"
#include "route/router.h"

namespace bantam::testing {

inline constexpr std::string_view kShopFile = R"(version: 1
name: shop
model_list:
  - {model_name: big, params: {model: x, api_base: "http://127.0.0.1:1/v1"}}
routes:
  - name: hours
    utterances: [when are you open, opening hours, are you open today, what time do you close, business hours please]
    action: {type: escalate}
  - name: refund
    utterances: [i want my money back, refund please, give me a refund, i want to return my order, return this parcel]
    action: {type: escalate}
out_of_scope: {utterances: [tell me a joke, what is the capital of france, write a poem]}
decision: {policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}
audit: {content: text}
learning: {promote_if: {upper_bound_error: 0.25, min_coverage_gain: 0.05}, keep: 2}
)";

inline HeardMessage ShopMessage(std::string text, bool drawn = false) {
  return {.text = std::move(text), .request_id = "r", .guess = "hours", .escalated = true, .drawn = drawn};
}

class LearningShop : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
    file_ = ParseRouteFile(kShopFile, "/h/shop.yaml").value();
    embedder_ = LoadEncoder(file_, OpenEncoder(file_, {}).value(), {}).value();
  }

  // Messages about a warehouse, which the file's examples know nothing of.
  void Fill(int learnable, int audited, int first = 0) {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
    const auto add = [&](const std::string& text, const char* label, bool drawn) {
      ASSERT_OK(store.Hear(ShopMessage(text, drawn)));
      ASSERT_OK_AND_ASSIGN(const auto all, store.List({.labelled = false}));
      ASSERT_OK(store.Label(all.back().id, label));
    };
    for (int i = first; i < first + learnable + audited; ++i) {
      const bool drawn = i >= first + learnable;
      add(fmt::format("is the warehouse in town number {} staffed on that day", i), "hours", drawn);
      add(fmt::format("parcel {} came in pieces and i will not keep it", i), "refund", drawn);
    }
  }
  void AcceptAll() {
    std::vector<int64_t> ids;
    {
      ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
      ASSERT_OK_AND_ASSIGN(const auto pending, store.List({.audited = false}));
      for (const Candidate& candidate : pending) ids.push_back(candidate.id);
    }
    ASSERT_OK(ReviewCandidates(file_, folder_.path(), ids, Verdict::kAccepted));
  }
  Result<Proposal> Make() { return Propose(file_, folder_.path(), embedder_, {}); }
  std::vector<std::string> Outcomes() {
    std::vector<std::string> outcomes;
    auto store = CandidateStore::Open(folder_.path()).value();
    const std::vector<LearningEvent> events = store.Events().value();
    for (const LearningEvent& event : events) outcomes.push_back(event.outcome);
    return outcomes;
  }

  TempFolder folder_;
  RouteFile file_;
  std::shared_ptr<Embedder> embedder_;
};

}  // namespace bantam::testing
