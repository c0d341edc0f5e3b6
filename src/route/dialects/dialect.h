// How an endpoint is spoken to: one file for each protocol, one list of them (dialect.cc). To add one: write its file,
// declare its description below, add a row to the list.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "route/dialects/sse_parser.h"
#include "route/upstream.h"

namespace bantam {

// What has been understood so far. `problem` continues a sentence: "sent an answer that is not JSON"; `detail` is what
// the endpoint said itself, escaped, and may hold what it should not (a key).
struct ChatReply {
  UpstreamOutcome outcome = UpstreamOutcome::kOk;
  std::string problem, detail;
  std::string text;
  std::string finish_reason;  // in OpenAI's words; empty: none came
  std::optional<int64_t> prompt_tokens, completion_tokens;
  int64_t cached_tokens = 0;  // of the prompt's, those that cost less because the endpoint had them already
  bool done = false;          // the protocol's own end, or the end of a JSON document
};

// Reads a streamed answer; its text goes to the sink piece by piece. One thread; not copied.
class ReplyStream {
 public:
  explicit ReplyStream(const DeltaSink& sink) : sink_(sink) {}
  virtual ~ReplyStream() = default;
  ReplyStream(const ReplyStream&) = delete;
  ReplyStream& operator=(const ReplyStream&) = delete;

  // False: nothing more is wanted, because the answer is complete or beyond help.
  virtual bool Feed(std::string_view piece) = 0;
  // The HTTP exchange ended; `complete` when its framing says that nothing is missing. An answer that has not come to
  // the protocol's end becomes kTruncated.
  void Finish(bool complete);
  const ChatReply& reply() const { return reply_; }

 protected:
  // What was held back for its end is read now, though that did not come.
  virtual void Flush() = 0;
  virtual bool saw_anything() const = 0;  // of the protocol
  // These return what Feed does.
  bool Fail(UpstreamOutcome outcome, std::string problem);
  bool FailUnreadable();  // a piece that is not JSON
  void NoteFed(std::string_view piece) { fed_ = fed_ || !piece.empty(); }
  bool Add(std::string_view text);

  ChatReply reply_;

 private:
  const DeltaSink& sink_;
  bool fed_ = false, finishing_ = false;
};

// Of protocols that stream server-sent events.
class EventStream : public ReplyStream {
 public:
  explicit EventStream(const DeltaSink& sink)
      : ReplyStream(sink), parser_([this](const SseEvent& event) { return OnEvent(event); }) {}
  bool Feed(std::string_view piece) final;

 protected:
  virtual bool OnEvent(const SseEvent& event) = 0;

 private:
  void Flush() final;
  bool saw_anything() const final { return parser_.num_events() > 0; }
  SseParser parser_;
};

struct Dialect {
  std::string_view name;         // the prefix of a model's name: "anthropic" of "anthropic/claude-..."
  std::string_view path;         // after api_base
  std::string_view stream_type;  // the content type of a streamed answer
  bool needs_max_tokens;
  HttpHeaders (*headers)(const std::string& api_key);
  // Always a stream, with the usage; the request's own parameters beside it.
  json::object (*body)(const UpstreamConfig& config, const AssistantRequest& request);
  std::unique_ptr<ReplyStream> (*stream)(const DeltaSink& sink);
  // A reply that is not streamed, whole: its text is returned, the rest goes into the reply.
  std::string (*document)(const json::value& document, ChatReply& reply);
};

extern const Dialect kOpenAiDialect;     // openai.cc
extern const Dialect kAnthropicDialect;  // anthropic.cc
extern const Dialect kOllamaDialect;     // ollama.cc

// By the prefix; kOpenAiDialect for every other provider and for none.
const Dialect& DialectOf(std::string_view model);
// "openai/gpt-4o-mini" -> "gpt-4o-mini". Only names of providers are cut, once: "meta-llama/Llama-3" is a model's own
// name.
std::string_view WithoutProvider(std::string_view model);

ChatReply ReadDocument(const Dialect& dialect, std::string_view body);

// The human sentence in an error body ({"error": {"message": ...}} or {"error": "..."}); empty when there is none.
std::string ErrorMessageIn(std::string_view body);

// For the dialects' own use.
// The longest answer to ask for: the client's wish, within config.max_tokens; 0: neither says anything.
int64_t AnswerLimit(const UpstreamConfig& config, const json::object& parameters);
// A value that is there and not null; else null.
const json::value* Present(const json::object& object, std::string_view key);
std::string TextAt(const json::object& object, std::string_view key);
std::optional<int64_t> CountAt(const json::object& object, std::string_view key);
Result<json::value> ParseReplyJson(std::string_view text);
// Something that no endpoint may send; no text comes of it.
std::string Garbage(ChatReply& reply, std::string problem);
// The document as an object. Null for anything else and for one that holds an error: the reply's outcome says so.
const json::object* ReplyObject(const json::value& document, ChatReply& reply);
// An error inside an answer that began as a success: a sentence, or an object with message, type, code.
void TakeError(const json::value& error, ChatReply& reply);

}  // namespace bantam
