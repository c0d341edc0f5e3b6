#include "route/dialects/dialect.h"

#include <gtest/gtest.h>

#include <random>

namespace bantam {
namespace {

std::string Delta(std::string_view text) {
  return fmt::format("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{}}}}}]}}\n\n", QuoteJson(text));
}
const std::string kStop = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

struct Read {
  ChatReply reply;
  std::string sunk;
};

Read ReadStream(std::string_view text, bool complete = true, size_t step = std::string::npos) {
  Read read;
  const DeltaSink sink = [&](std::string_view piece) { read.sunk += piece; };
  const std::unique_ptr<ReplyStream> stream = kOpenAiDialect.stream(sink);
  for (size_t at = 0; at < text.size(); at += std::min(step, text.size() - at)) {
    if (!stream->Feed(text.substr(at, step))) break;
  }
  stream->Finish(complete);
  read.reply = stream->reply();
  return read;
}

TEST(ChatStream, WholeAnswer) {
  const std::string text = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n" +
                           Delta("Hé") + ": keep-alive\n\n" + Delta("llo") + kStop + kUsage + kDone;
  for (size_t step = 1; step <= text.size(); ++step) {
    const Read read = ReadStream(text, true, step);
    ASSERT_EQ(read.reply.outcome, UpstreamOutcome::kOk) << read.reply.problem;
    ASSERT_EQ(read.reply.text, "Héllo");
    ASSERT_EQ(read.sunk, "Héllo");
    ASSERT_EQ(read.reply.finish_reason, "stop");
    ASSERT_EQ(read.reply.prompt_tokens, 7);
    ASSERT_EQ(read.reply.completion_tokens, 3);
  }
}

TEST(ChatStream, WhatComesAfterDoneIsIgnored) {
  EXPECT_EQ(ReadStream(Delta("a") + kStop + kDone + Delta("b") + "junk").reply.text, "a");
  EXPECT_EQ(ReadStream(Delta("a") + kStop + kDone, false).reply.outcome, UpstreamOutcome::kOk);
  EXPECT_EQ(ReadStream(Delta("a") + kStop + "data: [DONE]", true).reply.outcome, UpstreamOutcome::kOk);
}

TEST(ChatStream, EveryCutIsTruncatedAndNeverOk) {
  const std::string text = Delta("Hello") + Delta(" world") + kStop + kUsage;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    for (const bool complete : {false, true}) {
      const Read read = ReadStream(text.substr(0, cut), complete);
      ASSERT_NE(read.reply.outcome, UpstreamOutcome::kOk) << text.substr(0, cut);
      // Nothing at all, or a first line that is not whole, may also be called garbage.
      if (cut > Delta("Hello").size() || cut == 0) {
        ASSERT_EQ(read.reply.outcome, UpstreamOutcome::kTruncated) << cut;
      }
      ASSERT_TRUE(std::string("Hello world").starts_with(read.sunk));
    }
  }
  EXPECT_EQ(ReadStream(Delta("a") + kDone).reply.outcome, UpstreamOutcome::kTruncated);  // no finish_reason
}

TEST(ChatStream, Garbage) {
  for (const std::string text :
       {"<html>\n\n<body>oops\n\n", "data: oops\n\n", "data: [1]\n\n", "data: {\"choices\":3}\n\n",
        "data: {\"choices\":[3]}\n\n", "data: {\"choices\":[{\"delta\":\"x\"}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\xFF\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud800\"}}]}\n\n", "data: {\"a\":1,\"a\":2}\n\n"}) {
    const Read read = ReadStream(text + kStop + kDone);
    EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kGarbage) << text;
    EXPECT_FALSE(read.reply.problem.empty());
    EXPECT_EQ(read.sunk, "");
  }
  EXPECT_EQ(ReadStream("<html>").reply.outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ReadStream("data: " + std::string(2 << 20, 'x')).reply.outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ReadStream(kStop + kDone).reply.outcome, UpstreamOutcome::kGarbage);  // no text at all
}

TEST(ChatStream, ErrorsInsideTheStream) {
  Read read = ReadStream(Delta("Hel") +
                         "data: {\"error\":{\"message\":\"engine died\",\"type\":\"server_error\"}}\n\n" + kDone);
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(read.reply.detail, "engine died");
  EXPECT_EQ(read.sunk, "Hel");
  read = ReadStream("data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n");
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kOverloaded);
  read = ReadStream("event: error\ndata: {\"message\":\"no\"}\n\n");
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(read.reply.detail, "no");
  read = ReadStream("data: {\"error\":\"a\\u001b[31mb\"}\n\n");
  EXPECT_EQ(read.reply.detail, "a\\x1B[31mb");
}

TEST(ChatStream, OtherChoicesAreLeftOut) {
  const Read read =
      ReadStream(Delta("a") + "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n" + kStop + kDone);
  EXPECT_EQ(read.reply.text, "a");
}

TEST(ChatReply, OneDocument) {
  ChatReply reply =
      ReadDocument(kOpenAiDialect,
                   R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"length"}],)"
                   R"("usage":{"prompt_tokens":2,"completion_tokens":1}})");
  EXPECT_EQ(reply.outcome, UpstreamOutcome::kOk);
  EXPECT_EQ(reply.text, "Hi");
  EXPECT_EQ(reply.finish_reason, "length");
  EXPECT_EQ(reply.completion_tokens, 1);
  for (const char* body :
       {"", "<html></html>", "[]", "{}", R"({"choices":[]})", R"({"choices":[{"message":{"content":"a"}}])"}) {
    EXPECT_EQ(ReadDocument(kOpenAiDialect, body).outcome, UpstreamOutcome::kGarbage) << body;
  }
  EXPECT_EQ(ReadDocument(kOpenAiDialect, R"({"error":{"message":"x"}})").outcome, UpstreamOutcome::kServerError);
}

TEST(ChatReply, ErrorMessages) {
  EXPECT_EQ(ErrorMessageIn(R"({"error":{"message":"m"}})"), "m");
  EXPECT_EQ(ErrorMessageIn(R"({"error":"m"})"), "m");
  EXPECT_EQ(ErrorMessageIn(R"({"message":"m"})"), "m");
  EXPECT_EQ(ErrorMessageIn("<html>"), "");
  EXPECT_EQ(ErrorMessageIn(R"({"error":[]})"), "");
}

}  // namespace
}  // namespace bantam
