// The calls of one text as the JSON of OpenAI's chat endpoint, whole and in events.
#pragma once

#include <string>
#include <vector>

#include "api/endpoints/tool_request.h"
#include "text/tool_calls/tool_parser.h"

namespace bantam {

// One choice's. One thread at a time.
class ToolReply {
 public:
  ToolReply(const tools::ToolFormat& format, const ToolRequest& request);

  // A piece of the model's text -> what it says; what it calls is in deltas(), for events, and in calls().
  std::string Read(std::string_view piece, bool is_last);
  // "tool_calls" of the last Read as a delta has them; empty: nothing new.
  json::array TakeDeltas() { return std::exchange(deltas_, {}); }
  // "tool_calls" of a message; empty: none.
  const json::array& calls() const { return calls_; }
  // How many of calls() have all of their arguments: the first so many.
  size_t num_complete() const { return parser_.num_complete(); }
  // The text ended by itself, with calls that have all of their arguments.
  bool finished_with_calls() const { return parser_.num_calls() > 0 && parser_.num_calls() == parser_.num_complete(); }

 private:
  const size_t id_length_;
  tools::ToolParser parser_;
  json::array calls_, deltas_;
};

}  // namespace bantam
