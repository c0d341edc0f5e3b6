#include "route/forms/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/hmac.h"
#include "base/testing.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;

RouteFile Load(std::string_view submit) {
  const std::string text = fmt::format(R"(version: 1
name: shop
routes:
  - {{name: a, utterances: [a, b, c, d, e], action: {{type: form, form: order}}}}
  - {{name: b, utterances: [f, g, h, i, j], action: {{type: form, form: order}}}}
forms:
  order:
    slots:
      item: {{type: text}}
      count: {{type: number}}
    submit: {{{}}}
)",
                                       submit);
  return ParseRouteFile(text, "shop.yaml").value();
}

FormState Filled() {
  FormState state;
  state.form = "order";
  state.seed = "seed";
  state.Fill("item", {"a \"chair\"", ""});
  state.Fill("count", {"2", ""});
  return state;
}

struct Taken {
  OutgoingRequest request;
  int calls = 0;
  SubmitResult result;
  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    return "";
  }
};

Taken Submit(const RouteFile& file) {
  Taken taken;
  const HttpSend send = [&](const OutgoingRequest& request, std::stop_token) -> Result<IncomingResponse> {
    taken.request = request;
    ++taken.calls;
    IncomingResponse response;
    response.status = 200;
    return response;
  };
  taken.result = SubmitForm(file.forms.at("order"), Filled(), send, "req-1", MonotonicTime::max(), {});
  return taken;
}

// What docs/howto/route-file.md tells a service to do.
bool Verifies(std::string_view header, std::string_view body, std::string_view secret) {
  const size_t comma = header.find(",v1=");
  if (!header.starts_with("t=") || comma == std::string_view::npos) return false;
  const std::string signed_text = fmt::format("{}.{}", header.substr(2, comma - 2), body);
  return header.substr(comma + 4) == HexOf(HmacSha256(secret, signed_text));
}

TEST(Submit, SignsWhatItSendsAndWhen) {
  ASSERT_EQ(::setenv("BANTAM_TEST_SECRET", "s3cret", 1), 0);
  const RouteFile file = Load("type: http, url: \"http://erp.example/orders\", secret: os.environ/BANTAM_TEST_SECRET");
  EXPECT_TRUE(file.warnings.empty() || file.warnings[0].find("SECRET") == std::string::npos);
  const Taken taken = Submit(file);
  ASSERT_TRUE(taken.result.accepted);
  EXPECT_EQ(taken.request.body, R"({"item":"a \"chair\"","count":2})");
  const std::string signature = taken.Header("X-Bantam-Signature");
  EXPECT_TRUE(Verifies(signature, taken.request.body, "s3cret")) << signature;
  EXPECT_FALSE(Verifies(signature, taken.request.body + " ", "s3cret"));
  EXPECT_FALSE(Verifies(signature, taken.request.body, "another"));
  const int64_t seconds = std::stoll(signature.substr(2));
  EXPECT_NEAR(static_cast<double>(seconds), static_cast<double>(WallMicros()) / 1e6, 60);
}

// printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret
TEST(Submit, TheSignatureIsThatOfOpenssl) {
  EXPECT_EQ(Signature("s3cret", 1'700'000'000, R"({"a":1})"),
            "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940");
}

TEST(Submit, SendsTheSameKeyForTheSameValues) {
  const RouteFile file = Load("type: http, url: \"http://erp.example/orders\"");
  const std::string key = Submit(file).Header("Idempotency-Key");
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(Submit(file).Header("Idempotency-Key"), key);
  EXPECT_EQ(Submit(file).Header("X-Bantam-Signature"), "");
}

TEST(Submit, SendsNothingUnsignedWhereASignatureIsWanted) {
  const RouteFile file = Load("type: http, url: \"http://h/\", secret: os.environ/BANTAM_TEST_SURELY_UNSET");
  EXPECT_THAT(file.warnings, ::testing::Contains(HasSubstr("BANTAM_TEST_SURELY_UNSET is not set, so form \"order\"")));
  const Taken taken = Submit(file);
  EXPECT_FALSE(taken.result.accepted);
  EXPECT_EQ(taken.calls, 0);
  EXPECT_EQ(taken.result.outcome, "submit_unsigned");
  EXPECT_THAT(taken.result.problem, HasSubstr("BANTAM_TEST_SURELY_UNSET"));
}

TEST(Submit, ASecretInTheFileIsAMistake) {
  const auto file = ParseRouteFile(R"(version: 1
name: x
forms: {f: {slots: {a: {type: text}}, submit: {type: http, url: "http://h/", secret: hunter2}}}
)",
                                   "f.yaml");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message,
              HasSubstr("\"secret\" is not os.environ/NAME; put the secret into the environment"));
  EXPECT_THAT(file.error().message, ::testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace bantam
