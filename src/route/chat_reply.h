// Reads the answer of an OpenAI-compatible /chat/completions endpoint: a stream of events, or one JSON document.
#pragma once

#include <optional>
#include <string>

#include "route/sse_parser.h"
#include "route/upstream.h"

namespace bantam {

// What has been understood so far. `problem` continues a sentence: "sent an answer that is not JSON"; `detail` is what
// the endpoint said itself, escaped, and may hold what it should not (a key).
struct ChatReply {
  UpstreamOutcome outcome = UpstreamOutcome::kOk;
  std::string problem, detail;
  std::string text;
  std::string finish_reason;  // empty: none came
  std::optional<int64_t> prompt_tokens, completion_tokens;
  bool done = false;  // [DONE], or the end of a JSON document
};

// The text of a stream goes to the sink piece by piece. One thread; not copied.
class ChatStream {
 public:
  explicit ChatStream(const DeltaSink& sink);
  ChatStream(const ChatStream&) = delete;
  ChatStream& operator=(const ChatStream&) = delete;

  // False: nothing more is wanted, because the answer is complete or beyond help.
  bool Feed(std::string_view piece);
  // The HTTP exchange ended; `complete` when its framing says that nothing is missing. An answer without finish_reason
  // or [DONE] becomes kTruncated.
  void Finish(bool complete);
  const ChatReply& reply() const { return reply_; }

 private:
  bool OnEvent(const SseEvent& event);
  bool Fail(UpstreamOutcome outcome, std::string problem);

  const DeltaSink& sink_;
  ChatReply reply_;
  size_t bytes_ = 0;
  bool finishing_ = false;
  SseParser parser_;
};

// A reply that is not an event stream, whole.
ChatReply ParseChatReply(std::string_view body);

// The human sentence in an error body ({"error": {"message": ...}} or {"error": "..."}); empty when there is none.
std::string ErrorMessageIn(std::string_view body);

}  // namespace bantam
