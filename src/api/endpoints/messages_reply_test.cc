#include "api/endpoints/messages_reply.h"

#include <gtest/gtest.h>

#include "api/testing/recording_responder.h"

namespace bantam {
namespace {

using testing::RecordingResponder;

TextResult ResultOf(FinishReason reason, int generated, bool has_calls = false) {
  TextResult result;
  result.end.reason = reason;
  result.end.summary.prompt_tokens = 10;
  result.end.summary.cached_tokens = 4;
  result.end.summary.generated_tokens = generated;
  result.has_calls = has_calls;
  return result;
}

// A thought, two pieces of text, a call that is whole and one that broke off.
void Write(TextWriter& writer) {
  writer.Begin(10);
  writer.Add({.thought = "Hm."});
  writer.Add({.said = "Let me "});
  writer.Add({.said = "look.", .calls = {{.index = 0, .id = "toolu_1", .name = "weather", .arguments = "{\"city\""}}});
  writer.Add({.calls = {{.index = 0, .arguments = ":\"Bonn\"}"}}, .num_whole_calls = 1});
  writer.Add({.calls = {{.index = 1, .id = "toolu_2", .name = "weather", .arguments = "{\"ci"}}, .num_whole_calls = 1});
}

TEST(MessageWriter, AWholeReplyHasBlocks) {
  RecordingResponder responder;
  const auto writer =
      NewMessageWriter(responder, {.request_id = "req_1", .model = "tiny", .shows_thoughts = true, .max_tokens = 50});
  Write(*writer);
  writer->Finish(ResultOf(FinishReason::kLength, 50));
  EXPECT_EQ(ToJson(responder.Body()),
            R"({"id":"msg_req_1","type":"message","role":"assistant","model":"tiny","content":[)"
            R"({"type":"thinking","thinking":"Hm.","signature":""},{"type":"text","text":"Let me look."},)"
            R"({"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Bonn"}}],)"
            R"("stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":6,)"
            R"("cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":50}})");
}

TEST(MessageWriter, AStreamIsTheSameInEvents) {
  RecordingResponder responder;
  const auto writer =
      NewMessageWriter(responder, {.request_id = "req_1", .model = "tiny", .stream = true, .shows_thoughts = true});
  EXPECT_FALSE(writer->begun());
  Write(*writer);
  writer->Ping();
  writer->Finish(ResultOf(FinishReason::kStop, 30, true));
  EXPECT_TRUE(responder.ended);
  const std::vector<std::string> expected = {"message_start",
                                             "ping",  //
                                             "content_block_start",
                                             "content_block_delta",
                                             "content_block_stop",  // the thought
                                             "content_block_start",
                                             "content_block_delta",
                                             "content_block_delta",
                                             "content_block_stop",  // the text
                                             "content_block_start",
                                             "content_block_delta",
                                             "content_block_delta",
                                             "content_block_stop",  // the calls
                                             "content_block_start",
                                             "content_block_delta",
                                             "ping",
                                             "content_block_stop",  //
                                             "message_delta",
                                             "message_stop"};
  EXPECT_EQ(responder.EventNames(), expected);
  const auto events = responder.Events();
  for (const auto& [name, data] : events) EXPECT_EQ(std::string(data.at("type").as_string()), name);
  EXPECT_EQ(ToJson(events[0].second.at("message").at("content")), "[]");
  EXPECT_EQ(events[0].second.at("message").at("usage").at("input_tokens"), 10);
  EXPECT_EQ(ToJson(events[9].second), R"({"type":"content_block_start","index":2,"content_block":)"
                                      R"({"type":"tool_use","id":"toolu_1","name":"weather","input":{}}})");
  EXPECT_EQ(ToJson(events[11].second), R"({"type":"content_block_delta","index":2,"delta":)"
                                       R"({"type":"input_json_delta","partial_json":":\"Bonn\"}"}})");
  EXPECT_EQ(ToJson(events[17].second),
            R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":)"
            R"({"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":30}})");
}

TEST(MessageWriter, ThoughtsThatNobodyAskedForAreLeftOut) {
  for (const bool stream : {false, true}) {
    RecordingResponder responder;
    const auto writer = NewMessageWriter(responder, {.request_id = "req_1", .model = "tiny", .stream = stream});
    writer->Add({.thought = "Hm."});
    writer->Add({.said = "No."});
    writer->Finish(ResultOf(FinishReason::kStop, 5));
    if (stream) {
      EXPECT_EQ(responder.stream.find("Hm."), std::string::npos);
      EXPECT_EQ(responder.Events()[2].second.at("index"), 0);
    } else {
      EXPECT_EQ(ToJson(responder.Body().at("content")), R"([{"type":"text","text":"No."}])");
    }
  }
}

TEST(MessageWriter, WhyItStopped) {
  const auto reason = [](const TextResult& result) {
    RecordingResponder responder;
    NewMessageWriter(responder, {.request_id = "req_1", .model = "tiny", .max_tokens = 50})->Finish(result);
    return std::string(responder.Body().at("stop_reason").as_string());
  };
  EXPECT_EQ(reason(ResultOf(FinishReason::kStop, 5)), "end_turn");
  EXPECT_EQ(reason(ResultOf(FinishReason::kLength, 50)), "max_tokens");
  EXPECT_EQ(reason(ResultOf(FinishReason::kLength, 5)), "model_context_window_exceeded");
  EXPECT_EQ(reason(ResultOf(FinishReason::kDeadline, 5)), "max_tokens");
  TextResult stopped = ResultOf(FinishReason::kStop, 5);
  stopped.end.stop = "###";
  EXPECT_EQ(reason(stopped), "stop_sequence");
}

TEST(MessageWriter, AFailureIsAStatusOrAnEvent) {
  const Error error = Err(ErrorCode::kOverloaded, "too many");
  RecordingResponder responder;
  NewMessageWriter(responder, {.request_id = "req_1", .model = "tiny", .stream = true})->Fail(error, 3);
  EXPECT_EQ(responder.sent->status, 429);
  EXPECT_EQ(responder.Body().at("error").at("type"), "rate_limit_error");
  RecordingResponder begun;
  const auto writer = NewMessageWriter(begun, {.request_id = "req_1", .model = "tiny", .stream = true});
  writer->Add({.said = "a"});
  writer->Fail(error, 3);
  EXPECT_FALSE(begun.sent);
  EXPECT_EQ(begun.EventNames().back(), "error");
  EXPECT_TRUE(begun.ended);
}

}  // namespace
}  // namespace bantam
