#include "api/error_map.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

const Error kWrong = Err(ErrorCode::kInvalidArgument, "\"top_k\" is -5");

TEST(ErrorMap, OneErrorInTheShapeOfEachFamily) {
  EXPECT_EQ(ErrorReply(ApiFamily::kOpenAi, kWrong, "top_k").body,
            R"({"error":{"message":"\"top_k\" is -5","type":"invalid_request_error","param":"top_k","code":null}})");
  EXPECT_EQ(ErrorReply(ApiFamily::kOllama, kWrong, "top_k").body, R"({"error":"\"top_k\" is -5"})");
  EXPECT_EQ(ErrorReply(ApiFamily::kTei, kWrong, "top_k").body,
            R"({"error":"\"top_k\" is -5","error_type":"Validation"})");
  EXPECT_EQ(ErrorReply(ApiFamily::kCohere, kWrong, "top_k").body, R"({"message":"\"top_k\" is -5"})");
  EXPECT_EQ(ErrorBody(ApiFamily::kOllama, kWrong), R"({"error":"\"top_k\" is -5"})");
}

TEST(ErrorMap, TextEmbeddingsInferenceHasStatusesOfItsOwn) {
  const auto of = [](ErrorCode code) {
    const HttpReply reply = ErrorReply(ApiFamily::kTei, Err(code, "x"));
    const size_t type = reply.body.rfind(":\"") + 2;
    return std::pair(reply.status, reply.body.substr(type, reply.body.size() - type - 2));
  };
  EXPECT_EQ(of(ErrorCode::kInvalidArgument), std::pair(422, std::string("Validation")));
  EXPECT_EQ(of(ErrorCode::kNotFound), std::pair(422, std::string("Validation")));
  EXPECT_EQ(of(ErrorCode::kTooLarge), std::pair(413, std::string("Validation")));
  EXPECT_EQ(of(ErrorCode::kOverloaded), std::pair(429, std::string("Overloaded")));
  EXPECT_EQ(of(ErrorCode::kCorrupt), std::pair(424, std::string("Backend")));
  EXPECT_EQ(of(ErrorCode::kDeadline), std::pair(424, std::string("Backend")));
  EXPECT_EQ(of(ErrorCode::kUnavailable), std::pair(503, std::string("Unhealthy")));
  EXPECT_EQ(ErrorReply(ApiFamily::kTei, 400, "x", {}, "empty").body, R"({"error":"x","error_type":"Empty"})");
}

TEST(ErrorMap, TypeSafeTellsWhereInTheBody) {
  const HttpReply wrong = ErrorReply(ApiFamily::kTypeSafe, kWrong, "questions.urgent.criteria[1]");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(
      wrong.body,
      R"({"detail":[{"loc":["body","questions","urgent","criteria[1]"],"msg":"\"top_k\" is -5","type":"value_error"}]})");
  const HttpReply missing = ErrorReply(ApiFamily::kTypeSafe, Err(ErrorCode::kNotFound, "x"), "model");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, R"({"detail":{"error_type":"not_found_error","message":"x"}})");
  EXPECT_EQ(ErrorReply(ApiFamily::kTypeSafe, kWrong).body,
            R"({"detail":[{"loc":["body"],"msg":"\"top_k\" is -5","type":"value_error"}]})");
}

TEST(ErrorMap, AnthropicTellsTheRequestToo) {
  const HttpReply wrong = ErrorReply(ApiFamily::kAnthropic, kWrong, "top_k", 1, "req_1");
  EXPECT_EQ(
      wrong.body,
      R"({"type":"error","error":{"type":"invalid_request_error","message":"\"top_k\" is -5"},"request_id":"req_1"})");
  ASSERT_EQ(wrong.headers.size(), 1u);
  EXPECT_EQ(wrong.headers[0], std::pair(std::string("request-id"), std::string("req_1")));
  const auto type = [](int status) {
    const std::string body = ErrorReply(ApiFamily::kAnthropic, status, "x").body;
    const size_t begin = body.find("{\"type\":\"", 1) + 9;
    return body.substr(begin, body.find('"', begin) - begin);
  };
  EXPECT_EQ(type(401), "authentication_error");
  EXPECT_EQ(type(403), "permission_error");
  EXPECT_EQ(type(404), "not_found_error");
  EXPECT_EQ(type(413), "request_too_large");
  EXPECT_EQ(type(415), "invalid_request_error");
  EXPECT_EQ(type(429), "rate_limit_error");
  EXPECT_EQ(type(500), "api_error");
  EXPECT_EQ(type(503), "overloaded_error");
  EXPECT_EQ(type(504), "timeout_error");
}

TEST(ErrorMap, WhatMayBeTriedAgainSaysWhen) {
  const auto retry = [](ErrorCode code) { return ErrorReply(ApiFamily::kOllama, Err(code, "x"), {}, 7).headers; };
  ASSERT_EQ(retry(ErrorCode::kOverloaded).size(), 1u);
  EXPECT_EQ(retry(ErrorCode::kOverloaded)[0], std::pair(std::string("Retry-After"), std::string("7")));
  EXPECT_TRUE(retry(ErrorCode::kInvalidArgument).empty());
}

TEST(ErrorMap, WhatIsNoTextInAMessageBecomesOne) {
  EXPECT_EQ(ErrorReply(ApiFamily::kOllama, 400, "a\xFF").body, "{\"error\":\"a\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace bantam
