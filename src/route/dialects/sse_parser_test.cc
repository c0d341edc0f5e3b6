#include "route/dialects/sse_parser.h"

#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"

namespace bantam {
namespace {

std::string Show(const SseEvent& event) { return fmt::format("[{}|{}]", event.type, event.data); }

// The events of a text cut before each position in `cuts`, as one string; "!" stands for an error.
std::string EventsOf(std::string_view text, const std::vector<size_t>& cuts = {}, bool finish = false,
                     size_t limit = 1 << 20) {
  std::string shown;
  SseParser parser([&](const SseEvent& event) { return shown += Show(event), true; }, limit);
  size_t from = 0;
  const auto feed = [&](size_t to) {
    const Status fed = parser.Feed(text.substr(from, to - from));
    if (!fed) shown += fed.error().code == ErrorCode::kTooLarge ? "!" : "?";
    from = to;
  };
  for (const size_t cut : cuts) feed(cut);
  feed(text.size());
  if (finish && !parser.Finish()) shown += "!";
  return shown;
}

TEST(SseParser, Standard) {
  EXPECT_EQ(EventsOf("data: a\n\n"), "[|a]");
  EXPECT_EQ(EventsOf("data:a\n\ndata:  b\n\n"), "[|a][| b]");      // one space belongs to the colon
  EXPECT_EQ(EventsOf("data: a\ndata\ndata: c\n\n"), "[|a\n\nc]");  // lines joined; no colon: an empty value
  EXPECT_EQ(EventsOf("event: x\nid: 4\nretry: 9\ndata: a\n\n"), "[x|a]");
  EXPECT_EQ(EventsOf(": comment\n\n:\n\ndata: a\n\n"), "[|a]");
  EXPECT_EQ(EventsOf("event: x\n\ndata: a\n\n"), "[|a]");  // without data there is no event, and its type is forgotten
  EXPECT_EQ(EventsOf("data:\n\n"), "[|]");
  EXPECT_EQ(EventsOf("data: a\r\n\r\ndata: b\r\rdata: c\n\r\n"), "[|a][|b][|c]");
  EXPECT_EQ(EventsOf("\xEF\xBB\xBF"
                     "data: a\n\n"),
            "[|a]");
  EXPECT_EQ(EventsOf("data: a\n\n\xEF\xBB\xBF"
                     "data: b\n\n"),
            "[|a]");  // a byte order mark only at the beginning
  EXPECT_EQ(EventsOf("DATA: a\n\n data: b\n\n"), "");
}

TEST(SseParser, AnUnfinishedEventIsDeliveredOnlyByFinish) {
  EXPECT_EQ(EventsOf("data: a\n"), "");
  EXPECT_EQ(EventsOf("data: a\n", {}, true), "[|a]");
  EXPECT_EQ(EventsOf("data: [DONE]", {}, true), "[|[DONE]]");
  EXPECT_EQ(EventsOf("", {}, true), "");
}

TEST(SseParser, Limits) {
  const std::string six(6, 'x');
  EXPECT_EQ(EventsOf("data: " + six + "\n\n", {}, false, 12), "[|xxxxxx]");
  EXPECT_EQ(EventsOf("data: x" + six + "\n\ndata: a\n\n", {}, false, 12), "!");
  EXPECT_EQ(EventsOf(std::string(13, 'y'), {5}, true, 12), "!");
  EXPECT_EQ(EventsOf("data: aaaaa\ndata: bbbbbb\n\n", {}, false, 12), "[|aaaaa\nbbbbbb]");
  EXPECT_EQ(EventsOf("data: aaaaaa\ndata: bbbbbb\n\ndata: c\n\n", {}, false, 12), "!");
}

TEST(SseParser, ReceiverCanStop) {
  int events = 0;
  SseParser parser([&](const SseEvent&) { return ++events < 2; });
  EXPECT_OK(parser.Feed("data: 1\n\ndata: 2\n\ndata: 3\n\n"));
  EXPECT_OK(parser.Feed("data: 4\n\n"));
  EXPECT_OK(parser.Finish());
  EXPECT_EQ(events, 2);
}

// Property: however the bytes are cut, the events are the same.
TEST(SseParser, AnySplitGivesTheSameEvents) {
  const std::vector<std::string> parts = {"data: a", "data:b", "data", ":c",           "event: e",    "id: 1", "\n",
                                          "\r",      "\r\n",   "\n\n", "\r\n\r\n",     "\r\r",        "d",     "ä",
                                          "\xFF",    " ",      ":",    "\xEF\xBB\xBF", "data: [DONE]"};
  std::mt19937 random(7);
  size_t with_events = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (int i = static_cast<int>(random() % 24); i > 0; --i) text += parts[random() % parts.size()];
    const std::string whole = EventsOf(text, {}, true, 40);
    with_events += !whole.empty();
    std::vector<size_t> each;
    for (size_t i = 1; i < text.size(); ++i) each.push_back(i);
    ASSERT_EQ(EventsOf(text, each, true, 40), whole) << ::testing::PrintToString(text);
    std::vector<size_t> some;
    for (size_t i = 1; i < text.size(); ++i) {
      if (random() % 3 == 0) some.push_back(i);
    }
    ASSERT_EQ(EventsOf(text, some, true, 40), whole) << ::testing::PrintToString(text);
  }
  EXPECT_GT(with_events, 1'500u);  // the property is not about empty strings
}

}  // namespace
}  // namespace bantam
