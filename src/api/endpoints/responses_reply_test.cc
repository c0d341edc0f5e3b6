#include "api/endpoints/responses_reply.h"

#include <gtest/gtest.h>

#include "api/testing/recording_responder.h"

namespace bantam {
namespace {

using testing::RecordingResponder;

ResponseHead Head(bool stream) {
  return {.request_id = "req_1",
          .model = "tiny",
          .created = 1'700'000'000,
          .stream = stream,
          .echo = {{"store", false}, {"metadata", json::object{{"a", "b"}}}}};
}

TextResult ResultOf(FinishReason reason, bool has_calls = false) {
  TextResult result;
  result.end.reason = reason;
  result.end.summary.prompt_tokens = 10;
  result.end.summary.cached_tokens = 4;
  result.end.summary.generated_tokens = 30;
  result.has_calls = has_calls;
  result.num_thought_tokens = 1;
  return result;
}

void Write(TextWriter& writer) {
  writer.Begin(10);
  writer.Add({.thought = "Hm."});
  writer.Add({.said = "Let me "});
  writer.Add({.said = "look.", .calls = {{.index = 0, .id = "call_1", .name = "weather", .arguments = "{\"city\""}}});
  writer.Add({.calls = {{.index = 0, .arguments = ":\"Bonn\"}"}}, .num_whole_calls = 1});
}

constexpr std::string_view kOutput =
    R"([{"id":"rs_req_1_0","status":"completed","type":"reasoning","summary":[],)"
    R"("content":[{"type":"reasoning_text","text":"Hm."}]},)"
    R"({"id":"msg_req_1_1","status":"completed","type":"message","role":"assistant",)"
    R"("content":[{"type":"output_text","text":"Let me look.","annotations":[],"logprobs":[]}]},)"
    R"({"id":"fc_req_1_2","status":"completed","type":"function_call","call_id":"call_1","name":"weather",)"
    R"("arguments":"{\"city\":\"Bonn\"}"}])";

TEST(ResponseWriter, AWholeReplyHasItems) {
  RecordingResponder responder;
  const auto writer = NewResponseWriter(responder, Head(false));
  Write(*writer);
  writer->Finish(ResultOf(FinishReason::kStop, true));
  const json::object body = responder.Body();
  EXPECT_EQ(ToJson(body.at("output")), kOutput);
  EXPECT_EQ(body.at("id"), "resp_req_1");
  EXPECT_EQ(body.at("status"), "completed");
  EXPECT_EQ(ToJson(body.at("metadata")), R"({"a":"b"})");
  EXPECT_EQ(ToJson(body.at("usage")),
            R"({"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},)"
            R"("output_tokens":30,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":40})");
}

TEST(ResponseWriter, AStreamIsTheSameInEvents) {
  RecordingResponder responder;
  const auto writer = NewResponseWriter(responder, Head(true));
  Write(*writer);
  writer->Finish(ResultOf(FinishReason::kStop, true));
  EXPECT_TRUE(responder.ended);
  const std::vector<std::string> expected = {"response.created",
                                             "response.in_progress",
                                             "response.output_item.added",
                                             "response.content_part.added",
                                             "response.reasoning_text.delta",
                                             "response.reasoning_text.done",
                                             "response.content_part.done",
                                             "response.output_item.done",
                                             "response.output_item.added",
                                             "response.content_part.added",
                                             "response.output_text.delta",
                                             "response.output_text.delta",
                                             "response.output_text.done",
                                             "response.content_part.done",
                                             "response.output_item.done",
                                             "response.output_item.added",
                                             "response.function_call_arguments.delta",
                                             "response.function_call_arguments.delta",
                                             "response.function_call_arguments.done",
                                             "response.output_item.done",
                                             "response.completed"};
  EXPECT_EQ(responder.EventNames(), expected);
  const auto events = responder.Events();
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].second.at("sequence_number"), i);
    EXPECT_EQ(std::string(events[i].second.at("type").as_string()), events[i].first);
  }
  EXPECT_EQ(ToJson(events.back().second.at("response").at("output")), kOutput);
  EXPECT_EQ(ToJson(events[8].second),
            R"({"type":"response.output_item.added","sequence_number":8,"item":{"id":"msg_req_1_1",)"
            R"("status":"in_progress","type":"message","role":"assistant","content":[]},"output_index":1})");
  EXPECT_EQ(ToJson(events[11].second),
            R"({"type":"response.output_text.delta","sequence_number":11,"delta":"look.","logprobs":[],)"
            R"("item_id":"msg_req_1_1","content_index":0,"output_index":1})");
  EXPECT_EQ(ToJson(events[18].second),
            R"({"type":"response.function_call_arguments.done","sequence_number":18,"name":"weather",)"
            R"("arguments":"{\"city\":\"Bonn\"}","item_id":"fc_req_1_2","output_index":2})");
}

TEST(ResponseWriter, WhatIsCutOffSaysSo) {
  RecordingResponder responder;
  const auto writer = NewResponseWriter(responder, Head(false));
  writer->Add({.calls = {{.index = 0, .id = "call_1", .name = "weather", .arguments = "{\"ci"}}});
  writer->Finish(ResultOf(FinishReason::kLength));
  const json::object body = responder.Body();
  EXPECT_EQ(body.at("status"), "incomplete");
  EXPECT_EQ(body.at("incomplete_details").at("reason"), "max_output_tokens");
  EXPECT_EQ(body.at("output").at(0).at("status"), "incomplete");
}

TEST(ResponseWriter, AReplyWithoutATextHasAnEmptyMessage) {
  for (const bool stream : {false, true}) {
    RecordingResponder responder;
    NewResponseWriter(responder, Head(stream))->Finish(ResultOf(FinishReason::kStop));
    const json::object body = stream ? responder.Events().back().second.at("response").as_object() : responder.Body();
    EXPECT_EQ(body.at("output").at(0).at("content").at(0).at("text"), "");
  }
}

TEST(ResponseWriter, AFailureIsAStatusOrAnEvent) {
  const Error error = Err(ErrorCode::kInternal, "broken");
  RecordingResponder responder;
  NewResponseWriter(responder, Head(true))->Fail(error, 3);
  EXPECT_EQ(responder.sent->status, 500);
  RecordingResponder begun;
  const auto writer = NewResponseWriter(begun, Head(true));
  writer->Add({.said = "a"});
  writer->Fail(error, 3);
  const auto events = begun.Events();
  EXPECT_EQ(events.back().first, "response.failed");
  const json::value& failed = events.back().second.at("response");
  EXPECT_EQ(failed.at("status"), "failed");
  EXPECT_EQ(failed.at("error").at("message"), "broken");
  EXPECT_TRUE(begun.ended);
}

}  // namespace
}  // namespace bantam
