#include "route/learning/teacher.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

RouteFile File(const std::string& second) {
  return ParseRouteFile(
             "version: 1\nname: shop\nroutes:\n"
             "  - {name: hours, description: \"When are you open?\", utterances: [opening hours, open today], "
             "action: {type: escalate}}\n"
             "  - {name: " +
                 second + ", utterances: [money back, refund], action: {type: escalate}}\n",
             "/h/shop.yaml")
      .value();
}

TEST(Teacher, IsAskedForOneName) {
  const TeacherQuestion question(File("refund"));
  const AssistantRequest request = question.About("where is my money?");
  ASSERT_EQ(request.messages.size(), 2u);
  EXPECT_EQ(request.messages[1].content,
            "Names:\n- hours: When are you open?\n- refund: such as \"money back\"\n- none: anything else\n\n"
            "Message:\nwhere is my money?\n\nName:");
  EXPECT_EQ(request.messages[1].role, "user");
  EXPECT_TRUE(request.upstream_parameters.contains("max_tokens"));
}

TEST(Teacher, OnlyANameIsTaken) {
  const TeacherQuestion question(File("refund"));
  EXPECT_EQ(question.Read("refund"), "refund");
  EXPECT_EQ(question.Read(" \"hours\".\n"), "hours");
  EXPECT_EQ(question.Read("`none`"), "oos");
  for (const char* answer : {"", "refunds", "Refund", "The answer is refund", "hours refund", "oos", "refund\nhours"})
    EXPECT_EQ(question.Read(answer), std::nullopt) << answer;
}

TEST(Teacher, ARouteMayBeCalledNone) {
  const TeacherQuestion question(File("none"));
  EXPECT_EQ(question.Read("none"), "none");
  EXPECT_EQ(question.Read("none_of_these"), "oos");
}

}  // namespace
}  // namespace bantam
