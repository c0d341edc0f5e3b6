// Sessions, and conversations that are rebuilt from their messages.
#include <atomic>
#include <thread>

#include "route/replay.h"
#include "route/router.h"
#include "route/session_locks.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::BagIntentModel;
using testing::Desk;
using testing::StoredDesk;
using testing::TempFolder;

TEST(Router, SessionsSurviveARestartAndTenantsDoNotShareThem) {
  TempFolder folder;
  const auto open = [&](RouterParts& parts) {
    parts.conversations =
        ConversationStore::Open(StateFiles(folder.path()).conversations, std::chrono::seconds(60)).value();
  };
  {
    Desk desk(open);
    desk.Say("refund please for order AB123456", "s");
  }
  Desk desk(open);
  AssistantRequest stranger = Desk::Ask("late", "s");
  stranger.tenant = "other";
  EXPECT_EQ(desk.Send(stranger).decision, DecisionKind::kUnsure);
  const AssistantAnswer answer = desk.Say("late", "s");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->asked, "amount");
  EXPECT_EQ(answer.form->slots[0], (std::pair<std::string, std::string>("order_id", "AB123456")));
  EXPECT_EQ(answer.form->missing, (std::vector<std::string>{"amount", "email", "note"}));
}

TEST(Router, AStateOfAnotherRouteFileIsForgottenOrMended) {
  auto store = MakeMemoryConversations();
  ASSERT_OK(store->Save(
      "gone",
      R"({"version":1,"form":"nothing","route":"x","slots":[],"skipped":[],"asked":"","failures":0,"offered_cancel":false,"submit_failed":false,"seed":""})"));
  ASSERT_OK(store->Save("junk", "not json"));
  ASSERT_OK(store->Save(
      "slots",
      R"({"version":1,"form":"refund_form","route":"refund","slots":[["order_id","AB123456"],["reason","purple"],["x","y"]],"skipped":["note","email"],"asked":"amount","failures":0,"offered_cancel":false,"submit_failed":false,"seed":"s"})"));
  Desk desk([&](RouterParts& parts) { parts.conversations = std::move(store); });
  const AssistantAnswer told = desk.Say("opening hours", "gone");
  EXPECT_EQ(told.route, "hours");
  EXPECT_TRUE(told.text.starts_with("What I was asking you for is no longer needed")) << told.text;
  EXPECT_EQ(told.text.substr(told.text.find("\n\n") + 2), desk.Say("opening hours", "gone").text) << "said once";
  EXPECT_EQ(desk.Say("opening hours", "junk").route, "hours");
  const AssistantAnswer answer = desk.Say("20", "slots");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->asked, "reason") << "a value that the slot no longer takes is asked for again";
}

TEST(Router, TheSameFormIsHandedInWithTheSameKey) {
  Desk desk;
  const auto key_of = [&](size_t i) {
    for (const auto& [name, value] : desk.service.requests.at(i).headers) {
      if (name == "Idempotency-Key") return value;
    }
    return std::string();
  };
  const auto fill = [&](const std::string& session) {
    desk.Say("refund please for order AB123456", session);
    desk.Say("broken, 20 pounds, jo@company.example", session);
    desk.Say("skip", session);
  };
  desk.service.mode = "hang";
  fill("a");
  desk.Say("yes", "a");
  desk.Say("yes", "a");
  EXPECT_EQ(key_of(0), key_of(1)) << "tried again";
  EXPECT_EQ(key_of(0).size(), 32u);
  desk.Say("change the amount to 21 pounds", "a");
  desk.service.mode = "ok";
  desk.Say("yes", "a");
  EXPECT_NE(key_of(2), key_of(0)) << "other values";
  fill("a");
  desk.Say("yes", "a");
  EXPECT_NE(key_of(3), key_of(0)) << "another conversation with the same values";
  // Without a session: the client repeats its last request, because it never saw the answer.
  std::vector<ChatMessage> messages;
  for (const char* text :
       {"refund please for order AB123456", "broken, 20 pounds, jo@company.example", "skip", "yes"}) {
    messages.push_back({"user", text});
    AssistantRequest request = Desk::Ask("");
    request.messages = messages;
    messages.push_back({"assistant", desk.Send(request).text});
  }
  ASSERT_EQ(desk.service.requests.size(), 5u);
  messages.pop_back();
  AssistantRequest again = Desk::Ask("");
  again.messages = messages;
  EXPECT_EQ(desk.Send(again).form->state, "done");
  EXPECT_EQ(key_of(5), key_of(4));
  EXPECT_EQ(desk.service.requests.at(4).url, "http://erp/returns/AB123456");
}

TEST(Router, ReplayEmbedsOnlyWhereAFormMayHaveBegun) {
  Desk desk;
  AssistantRequest request = Desk::Ask("");
  request.messages.clear();
  for (int i = 0; i < 200; ++i) {
    request.messages.push_back({"user", "question " + std::to_string(i)});
    request.messages.push_back({"assistant", "An answer that no form gives."});
  }
  request.messages.push_back({"user", "opening hours"});
  EXPECT_EQ(desk.Send(request).route, "hours");
  EXPECT_EQ(desk.model->calls(), 1);
  // A client that claims form questions everywhere is played within limits.
  for (ChatMessage& message : request.messages) {
    if (message.role == "assistant") message.content = "Which order?";
  }
  EXPECT_EQ(desk.Send(request).route, "hours");
  EXPECT_LE(desk.model->calls(), 1 + ReplayLimits().most_judged + 1);
}

TEST(Router, ReplayBelievesOnlyAnswersThatAreOurs) {
  Desk desk;
  AssistantRequest request = Desk::Ask("");
  request.messages = {
      {"user", "refund please"}, {"assistant", "Certainly, which one do you mean?"}, {"user", "AB123456"}};
  EXPECT_EQ(desk.Send(request).decision, DecisionKind::kUnsure);
  request.messages[1].content = "  Which \n order? ";
  EXPECT_EQ(desk.Send(request).form->asked, "reason");
  // The client sends tool and system messages in between, and two answers in a row.
  request.messages = {{"user", "refund please"}, {"assistant", "Which order?"}, {"tool", "x"}, {"assistant", "y"},
                      {"system", "z"},           {"user", "AB123456"}};
  EXPECT_EQ(desk.Send(request).form->asked, "reason");
}

TEST(Router, TurnsOfOneSessionWaitForEachOther) {
  Desk desk;
  desk.Say("refund please", "s");
  desk.model->set_delay(std::chrono::milliseconds(5));
  // Each thread says one of the values; whatever the order, none may be lost.
  std::vector<std::thread> threads;
  for (const char* text : {"AB123456 hm", "20 pounds it was", "mail jo@company.example"}) {
    threads.emplace_back([&desk, text] { desk.Say(text, "s"); });
  }
  for (std::thread& thread : threads) thread.join();
  const AssistantAnswer answer = desk.Say("broken", "s");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->missing, std::vector<std::string>{"note"});
}

TEST(SessionLocks, OneAtATimeAndBounded) {
  SessionLocks locks;
  std::atomic<int> inside = 0, most = 0, overloaded = 0, entered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        auto guard = locks.Acquire("s", MonotonicTime::max(), {});
        if (!guard) {
          EXPECT_EQ(guard.error().code, ErrorCode::kOverloaded);
          ++overloaded;
          continue;
        }
        most = std::max(most.load(), ++inside);
        ++entered;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(entered + overloaded, 1600);
  EXPECT_EQ(locks.size(), 0u) << "nothing is kept";
  auto held = locks.Acquire("s", MonotonicTime::max(), {});
  ASSERT_OK(held);
  EXPECT_EQ(locks.Acquire("s", MonotonicNow() + std::chrono::milliseconds(5), {}).error().code, ErrorCode::kDeadline);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(locks.Acquire("s", MonotonicTime::max(), stop.get_token()).error().code, ErrorCode::kCancelled);
  stopper.join();
  EXPECT_OK(locks.Acquire("other", MonotonicTime::max(), {}));
}

}  // namespace
}  // namespace bantam
