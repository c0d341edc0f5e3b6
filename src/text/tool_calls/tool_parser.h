// A model's text, as it comes, parted into what it says and what it calls. The parts do not depend on how the text was
// cut.
//
//   ToolParser parser(format, names);
//   ToolOutput out = parser.Read(piece);    // ... more pieces
//   out = parser.Finish();
//   const bool called = parser.num_complete() > 0;
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tool_calls/tool_format.h"

namespace bantam::tools {

// What a piece of text brought, in this order.
struct ToolOutput {
  std::string content;
  std::vector<CallDelta> calls;
};

// What looks like a call and is none (no such function, no JSON) is content, as it stands. One thread at a time.
class ToolParser final : private CallSink {
 public:
  ToolParser(const ToolFormat& format, std::vector<std::string> names);
  ToolOutput Read(std::string_view piece);
  // The text ended; what was held back comes now. A call that has begun stays as it is.
  ToolOutput Finish();
  size_t num_calls() const { return num_calls_; }        // begun
  size_t num_complete() const { return num_complete_; }  // with all of their arguments

 private:
  bool Begin(std::string_view name) override;
  void Add(std::string_view arguments) override;
  void End() override;

  void ReadByte(char c);
  void ReadText(char c);

  const ToolFormat& format_;
  const std::vector<std::string> names_;
  std::unique_ptr<CallReader> reader_;  // while calls are read
  std::string held_;                    // text that may become an opening, or white space before one
  std::string taken_;                   // by the reader since the last complete call
  bool in_call_ = false;
  bool only_text_ = false;  // no call can follow
  size_t num_calls_ = 0, num_complete_ = 0;
  ToolOutput out_;
};

}  // namespace bantam::tools
