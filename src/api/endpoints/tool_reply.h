// The calls of one text as they come, with the ids that clients give back with their results.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/tool_request.h"
#include "text/tool_calls/tool_parser.h"

namespace bantam {

struct CalledFunction {
  std::string id = {}, name = {};
  std::string arguments = {};  // JSON, as the model wrote it
};

// What is new of a call.
struct CallPiece {
  size_t index = 0;                // of the text's calls
  std::string id = {}, name = {};  // of the first piece of a call, and of no other
  std::string arguments = {};
};

// One text's. One thread at a time.
class ToolReply {
 public:
  // id_prefix: what an API's ids begin with, unless the model's template insists on ids of its own.
  ToolReply(const tools::ToolFormat& format, const ToolRequest& request, std::string_view id_prefix = "call_");

  // A piece of the model's text -> what it says; what it calls is in TakePieces() and in calls().
  std::string Read(std::string_view piece, bool is_last);
  // What is new since the last time.
  std::vector<CallPiece> TakePieces() { return std::exchange(pieces_, {}); }
  const std::vector<CalledFunction>& calls() const { return calls_; }
  // How many of calls() have all of their arguments: the first so many.
  size_t num_complete() const { return parser_.num_complete(); }
  // The text ended by itself, with calls that have all of their arguments.
  bool finished_with_calls() const { return parser_.num_calls() > 0 && parser_.num_calls() == parser_.num_complete(); }

 private:
  const std::string id_prefix_;
  const size_t id_length_;
  tools::ToolParser parser_;
  std::vector<CalledFunction> calls_;
  std::vector<CallPiece> pieces_;
};

}  // namespace bantam
