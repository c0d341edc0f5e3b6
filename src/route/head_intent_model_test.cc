// What a head is called in the audit log and in keys of the cache: equal only where equal texts get equal scores.
#include "route/head_intent_model.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "learn/head.h"
#include "route/router.h"

namespace bantam {
namespace {

TEST(HeadIdentity, HasWhatEarlyExitsDependOn) {
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  const testing::TempFolder folder;
  RouteFile file = LoadRouteFile("examples/helpdesk/bantam.yaml").value();
  const std::shared_ptr<Embedder> embedder = LoadEncoder(file, OpenEncoder(file, {}).value(), {}).value();
  const auto load = [&](double max_disagreement, double threshold) {
    file.max_disagreement = max_disagreement;
    file.confidence_threshold = threshold;
    return LoadIntentModel(file, embedder, {.state_folder = folder.path(), .max_disagreement = {}, .progress = {}})
        .value();
  };
  const auto some = load(0.05, 0.01), more = load(0.05, 0.02), none = load(0, 0.01), late = load(0.05, 0.999);
  ASSERT_FALSE(some->head()->exits().heads.empty());
  ASSERT_EQ(some->head()->Sha256(), none->head()->Sha256()) << "one head for all";
  EXPECT_EQ(none->identity(), none->head()->Sha256());
  EXPECT_NE(some->identity(), none->identity()) << "exits are taken or not";
  EXPECT_EQ(some->identity(), more->identity()) << "the same exits";
  // Above the head's own threshold no exit may accept: the same text gets its scores from another layer.
  const auto early = some->Understand("I forgot my password", MonotonicTime::max());
  const auto whole = late->Understand("I forgot my password", MonotonicTime::max());
  ASSERT_OK(early);
  ASSERT_OK(whole);
  ASSERT_GT(early->exit_layer, 0);
  ASSERT_EQ(whole->exit_layer, 0);
  ASSERT_NE(early->confidence, whole->confidence);
  EXPECT_NE(some->identity(), late->identity());
}

}  // namespace
}  // namespace bantam
