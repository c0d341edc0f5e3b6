// Calls as JSON objects, {"name": "f", "arguments": {...}}, between markers or as the whole text: most formats are
// that.
#pragma once

#include "text/tool_calls/tool_format.h"

namespace bantam::tools {

struct JsonFormatParts {
  std::string_view name;
  std::string_view opening = {}, closing = {};  // "" where there is none
  std::string_view arguments_key = "arguments";
  bool list = false;   // [{...}, {...}] between one pair of markers; otherwise a pair for each call
  bool lines = false;  // line feeds beside the markers
  bool ids = false;    // a call has an "id" of nine letters and digits behind its arguments
  bool in_template = true;
  // For calls without an opening: what may stand before them all the same, and behind.
  std::vector<std::string_view> fences = {};
};

class JsonFormat : public ToolFormat {
 public:
  explicit JsonFormat(JsonFormatParts parts) : parts_(std::move(parts)) {}
  std::string_view name() const override { return parts_.name; }
  std::string_view opening() const override { return parts_.opening; }
  std::vector<std::string_view> markers() const override;
  void AddStart(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const override;
  Status AddCalls(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const override;
  std::unique_ptr<CallReader> NewReader() const override;
  std::string Write(std::span<const MadeCall> calls) const override;
  size_t id_length() const override { return parts_.ids ? 9 : 0; }
  bool in_template() const override { return parts_.in_template; }
  std::string Instruction(bool parallel) const override;

 private:
  uint32_t AddObject(const CallGrammarParts& grammar, uint32_t from) const;
  std::string Object(const MadeCall& call) const;
  const JsonFormatParts parts_;
};

}  // namespace bantam::tools
