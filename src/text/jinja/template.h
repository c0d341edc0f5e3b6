// A Jinja template as transformers would run it (its environment: trim_blocks, lstrip_blocks, loop controls, its
// tojson, raise_exception and strftime_now), within limits, and with every byte of the output known as the template's
// or a message's.
//
//   BANTAM_TRY(const auto program, jinja::Template::Parse(source, "tokenizer_config.json: chat_template"));
//   BANTAM_TRY(const jinja::MarkedText text, program.Render(variables, limits, now));
#pragma once

#include <memory>
#include <span>

#include "base/json.h"
#include "text/jinja/heap.h"

namespace bantam::jinja {

struct Ast;

struct Variable {
  std::string_view name;
  const json::value* value = nullptr;
  bool is_content = true;  // its strings are marked as content
};

// Immutable: any thread may render. Cheap to copy.
class Template {
 public:
  // `name` begins every error, "NAME:LINE:COLUMN: WHAT"; must be safe to print.
  static Result<Template> Parse(std::string_view source, std::string name);

  // kTooLarge beyond a limit, kUnsupported for what is not understood, kInvalidArgument where the template refuses the
  // variables or does something with them that cannot be done.
  Result<MarkedText> Render(std::span<const Variable> variables, const Limits& limits, const std::tm& now) const;

 private:
  std::shared_ptr<const Ast> ast_;
  std::string name_;
};

}  // namespace bantam::jinja
