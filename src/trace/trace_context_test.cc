#include "trace/trace_context.h"

#include <gtest/gtest.h>

#include <set>

namespace bantam {
namespace {

constexpr const char* kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, ReadsAndWritesTheHeader) {
  const auto context = ParseTraceparent(kHeader);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_high, 0x4bf92f3577b34da6u);
  EXPECT_EQ(context->trace_low, 0xa3ce929d0e0e4736u);
  EXPECT_EQ(context->span_id, 0x00f067aa0ba902b7u);
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(FormatTraceparent(*context), kHeader);
  EXPECT_EQ(TraceIdHex(*context), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(SpanIdHex(context->span_id), "00f067aa0ba902b7");
}

TEST(TraceContext, ReadsTheFlagsThatItKnows) {
  const std::string head = std::string(kHeader).substr(0, 53);
  EXPECT_FALSE(ParseTraceparent(head + "00")->sampled);
  EXPECT_FALSE(ParseTraceparent(head + "fe")->sampled);
  EXPECT_TRUE(ParseTraceparent(head + "ff")->sampled);
}

// Section 3.2.4: what follows in a later version is passed over.
TEST(TraceContext, ReadsLaterVersions) {
  std::string later = kHeader;
  later[1] = '7';
  EXPECT_TRUE(ParseTraceparent(later));
  EXPECT_TRUE(ParseTraceparent(later + "-more"));
  EXPECT_FALSE(ParseTraceparent(later + "more"));
  EXPECT_FALSE(ParseTraceparent(std::string(kHeader) + "-more"));
}

TEST(TraceContext, MalformedHeadersAreNone) {
  const std::string good = kHeader;
  for (size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(ParseTraceparent(good.substr(0, length)));
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char wrong : {'g', 'A', ' ', '\0', '\xff', '/', ':', '`'}) {
      std::string bad = good;
      bad[at] = wrong;
      EXPECT_FALSE(ParseTraceparent(bad)) << bad;
    }
  }
  for (const char* wrong : {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}) {
    EXPECT_FALSE(ParseTraceparent(wrong)) << wrong;
  }
}

TEST(TraceContext, NewIdsDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(TraceIdHex(NewTrace())).second);
}

}  // namespace
}  // namespace bantam
