// How one text becomes the reply of one API, whoever writes it: a model (text_exchange.h) or the assistant
// (assistant_chat.h).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/endpoints/tool_reply.h"
#include "api/http_types.h"
#include "route/types.h"
#include "tasks/generate.h"

namespace bantam {

// What comes next of a text, in this order.
struct TextPart {
  std::string thought = {}, said = {};
  std::vector<CallPiece> calls = {};
  size_t num_whole_calls = 0;                // of the text's calls, the first so many have all of their arguments
  std::span<const TokenChoice> tokens = {};  // that it is made of; none where an assistant answers
};

struct TextResult {
  TextEnd end = {};
  bool has_calls = false;          // it ended by itself, with calls that have all of their arguments
  int64_t num_thought_tokens = 0;  // of those that were written
  // When the model was asked, and when its first and its newest token came.
  MonotonicTime started = {}, first = {}, last = {};
  const AssistantAnswer* assistant = nullptr;  // whose answer it is; null: a model's
  bool truncated = false;                      // of the assistant: it decided on the beginning of the question only
};

// One reply's. Of one thread at a time.
class TextWriter {
 public:
  virtual ~TextWriter() = default;
  virtual bool begun() const = 0;    // something was sent
  virtual bool streams() const = 0;  // what is added goes out as it comes
  // Whether a client is told that we are alive while nothing is written.
  virtual bool pings() const { return false; }
  virtual bool Ping() { return true; }
  // Before all else, where a model writes.
  virtual void Begin(int64_t /*prompt_tokens*/) {}
  // False, here and in Ping: the client is gone.
  virtual bool Add(TextPart part) = 0;
  // One of these two ends it. A failure is a status where nothing was sent.
  virtual void Finish(const TextResult& result) = 0;
  virtual void Fail(const Error& error, int retry_after_s) = 0;
};

// Both outlive the writer.
using TextWriterMaker = std::function<std::unique_ptr<TextWriter>(const HttpRequest& http, Responder& responder)>;

}  // namespace bantam
