// JSON that comes byte by byte: where a value ends, and a call written as an object. Nothing is built but what is asked
// for, so that arguments go on as they come.
#pragma once

#include <string>

#include "text/tool_calls/tool_format.h"

namespace bantam::tools {

inline bool IsJsonSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Finds the end of one value by its quotes and brackets.
class JsonValueScanner {
 public:
  // True: the byte belongs to the value.
  bool Add(char c);
  bool done() const { return done_; }  // no byte may follow

 private:
  int depth_ = 0;
  bool begun_ = false, done_ = false, in_string_ = false, escaped_ = false;
};

// {"name": "...", "arguments": {...}}, the name first, with members behind them that say nothing. Arguments may be
// called "parameters".
class JsonCallScanner {
 public:
  CallReader::State Add(char c, CallSink& sink);

 private:
  enum class Phase { kStart, kKeyOrEnd, kKey, kInKey, kColon, kValue, kInValue, kAfterValue };
  enum class Member { kName, kArguments, kOther };
  bool EndOfValue(CallSink& sink);
  CallReader::State AfterValue(char c, CallSink& sink);

  Phase phase_ = Phase::kStart;
  Member member_ = Member::kOther;
  JsonValueScanner value_;
  std::string key_, raw_;  // raw_: of a value that is not handed on as it comes
  bool named_ = false, has_arguments_ = false, handed_on_ = false;
};

}  // namespace bantam::tools
