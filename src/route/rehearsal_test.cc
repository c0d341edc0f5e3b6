#include "route/rehearsal.h"

#include "route/testing/desk.h"

namespace bantam {
namespace {

using testing::Desk;

Status RehearseWith(std::string_view tests, Result<float> confidence = 1.0f) {
  const std::string yaml = ReadFile(testing::kDeskFile).value() + std::string(tests);
  Desk desk([&](RouterParts& parts) {
    parts.file = ParseRouteFile(yaml, "desk.yaml").value();
    parts.offline = true;
    struct Scripted : testing::BagIntentModel {
      Scripted(const RouteFile& file, Result<float> says) : BagIntentModel(file), confidence(std::move(says)) {}
      Result<Understanding> Understand(std::string_view text, MonotonicTime deadline) override {
        BANTAM_TRY(Understanding understanding, BagIntentModel::Understand(text, deadline));
        BANTAM_TRY(const float factor, Result<float>(confidence));
        understanding.confidence *= factor;
        return understanding;
      }
      const Result<float> confidence;
    };
    parts.intents = std::make_unique<Scripted>(parts.file, std::move(confidence));
  });
  return Rehearse(*desk.router, {});
}

TEST(Rehearsal, TestsOfTheFileMustPass) {
  EXPECT_OK(RehearseWith("tests:\n  - {say: opening hours, expect: {route: hours}}\n"));
  const int line = static_cast<int>(std::ranges::count(ReadFile(testing::kDeskFile).value(), '\n')) + 2;
  const Status failed = RehearseWith(
      "tests:\n"
      "  - {say: opening hours, expect: {route: thanks, text: \"42\"}}\n"
      "  - {say: thank you, expect: {route: thanks}}\n"
      "  - {say: cheers, expect: {route: hours}}\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kBadConfig);
  const std::string& message = failed.error().message;
  EXPECT_EQ(message.find(fmt::format("desk.yaml:{}:5: the test \"opening hours\": route: expected \"thanks\"", line)),
            0u)
      << message;
  EXPECT_NE(message.find("; text: expected \"42\""), std::string::npos) << message;
  EXPECT_NE(message.find(fmt::format("\ndesk.yaml:{}:5: the test \"cheers\"", line + 2)), std::string::npos) << message;
  EXPECT_EQ(message.find("thank you"), std::string::npos) << message;
}

TEST(Rehearsal, NotAllOfManyFailuresAreShown) {
  std::string tests = "tests:\n";
  for (int i = 0; i < 25; ++i) tests += "  - {say: opening hours, expect: {route: thanks}}\n";
  const Status failed = RehearseWith(tests);
  ASSERT_FALSE(failed);
  EXPECT_EQ(std::ranges::count(failed.error().message, '\n'), 20);
  EXPECT_TRUE(failed.error().message.ends_with("\ndesk.yaml: 5 more tests failed")) << failed.error().message;
}

TEST(Rehearsal, WithoutTestsOneDecisionMustSucceed) {
  EXPECT_OK(RehearseWith(""));
  const Status no_number = RehearseWith("", std::numeric_limits<float>::quiet_NaN());
  ASSERT_FALSE(no_number);
  EXPECT_NE(no_number.error().message.find("a confidence that is no number"), std::string::npos);
  const Status broken = RehearseWith("", Err(ErrorCode::kInternal, "the encoder is broken"));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message, "the encoder is broken");
}

}  // namespace
}  // namespace bantam
