#include "api/recent_requests.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

void Add(RecentRequests& recent, const char* path, int status = 200) {
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/embeddings";
  request.query = "q=secret";
  request.body = "a text";
  request.notes->Add("X-Bantam-Model", "small");
  request.notes->SetTimes({.queue = 1, .tokenize = 2, .compute = 3});
  recent.Add(request, path, {.status = status, .milliseconds = 7, .sent_bytes = 9});
}

TEST(RecentRequests, SayWhichTheyWereAndWhereTheirTimeWent) {
  RecentRequests recent;
  EXPECT_TRUE(recent.After(0).empty());
  Add(recent, "/v1/embeddings", 429);
  const std::vector<RecentRequest> found = recent.After(0);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].number, 1U);
  EXPECT_GT(found[0].ended_ms, 0);
  EXPECT_EQ(found[0].method + " " + found[0].path + " " + found[0].model, "POST /v1/embeddings small");
  EXPECT_EQ(found[0].status, 429);
  EXPECT_EQ(found[0].milliseconds, 7);
  EXPECT_EQ(found[0].times.compute, 3);
}

TEST(RecentRequests, KeepAFixedNumberAndTellThoseAfterOne) {
  RecentRequests recent;
  for (size_t i = 0; i < RecentRequests::kMost + 5; ++i) Add(recent, "/embed");
  const std::vector<RecentRequest> all = recent.After(0);
  ASSERT_EQ(all.size(), RecentRequests::kMost);
  EXPECT_EQ(all.front().number, 6U);
  EXPECT_EQ(all.back().number, RecentRequests::kMost + 5);
  EXPECT_EQ(recent.After(all.back().number - 2).size(), 2U);
  EXPECT_TRUE(recent.After(all.back().number).empty());
  EXPECT_EQ(recent.After(all.back().number + 1).size(), RecentRequests::kMost) << "of an earlier server";
}

}  // namespace
}  // namespace bantam
