// How the models of a family write calls of functions: as a grammar that a text is held to, and as a reader that finds
// the calls in it.
//
//   const ToolFormat& format = FindToolFormat({.template_source = chat.Source()});
//   BANTAM_TRY(auto grammar, CallGrammar(format, functions, {.required = true}));
//   ToolParser parser(format, functions);      // tool_parser.h
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/grammar/grammar.h"

namespace bantam::tools {

struct ToolFunction {
  std::string name;        // letters, digits, "_", "-" and ".": at most 64, told apart
  json::value parameters;  // a JSON Schema of an object
  // Parameters that cannot be enforced while text is written are an error; otherwise any object is a call's arguments.
  bool strict = true;
};

// What is known of a model by which its format is told.
struct ToolModel {
  std::string_view template_source;
};

// One call that was made, for the messages of templates that do not write calls themselves.
struct MadeCall {
  std::string_view id, name;
  const json::value* arguments = nullptr;  // an object
};

// What is new of a call.
struct CallDelta {
  size_t index = 0;       // of the text's calls
  std::string name = {};  // of the first delta of a call, and of no other
  std::string arguments = {};
};

// Where a reader puts the calls that it finds.
class CallSink {
 public:
  virtual ~CallSink() = default;
  // A call has begun. False, and nothing has: there is no such function.
  virtual bool Begin(std::string_view name) = 0;
  // The next piece of its arguments' JSON.
  virtual void Add(std::string_view arguments) = 0;
  virtual void End() = 0;
};

// The calls of one text, from behind an opening on. One thread at a time.
class CallReader {
 public:
  enum class State {
    kMore,
    kEnd,      // that was the last byte of the calls
    kNotMine,  // they ended before it
    kBroken,   // what was read since the last call, or the opening, is no call
  };
  virtual ~CallReader() = default;
  virtual State Add(char byte, CallSink& sink) = 0;
};

// What a format's grammar is made with.
struct CallGrammarParts {
  grammar::GrammarBuilder& builder;
  std::span<const ToolFunction> functions;
  bool parallel = true;  // several calls
  // The rule of a function's arguments, which are spelled as the format wants them.
  std::vector<uint32_t> arguments = {};

  grammar::Nfa& nfa() const { return builder.nfa; }
  // The state after one space or line feed, or none.
  uint32_t Space(uint32_t from) const;
};

class ToolFormat {
 public:
  virtual ~ToolFormat() = default;
  virtual std::string_view name() const = 0;
  virtual bool Matches(const ToolModel& model) const = 0;
  // What begins calls, wherever it stands in a text. Empty: calls are the whole text, and AtStart says how they begin.
  virtual std::string_view opening() const = 0;
  // Texts that a vocabulary may have as control tokens, the opening among them.
  virtual std::vector<std::string_view> markers() const = 0;
  // For an empty opening: from `from` to `to`, what a text begins with that is a call whatever follows.
  virtual void AddStart(const CallGrammarParts&, uint32_t /*from*/, uint32_t /*to*/) const {}
  // The calls, from behind the opening on.
  virtual Status AddCalls(const CallGrammarParts& parts, uint32_t from, uint32_t to) const = 0;
  virtual std::unique_ptr<CallReader> NewReader() const = 0;
  // Calls as the model would have written them, the opening included.
  virtual std::string Write(std::span<const MadeCall> calls) const = 0;
  // How many letters and digits an id has that belongs to a call; 0: any text will do.
  virtual size_t id_length() const { return 0; }
  // Arguments are written as name=value.
  virtual bool python_arguments() const { return false; }
  // The model's template says how to call; otherwise the prompt must.
  virtual bool in_template() const { return true; }
  // How the model is told to call, where its template does not say.
  virtual std::string Instruction(bool parallel) const = 0;
};

// The first that matches; the last one matches any model.
const ToolFormat& FindToolFormat(const ToolModel& model);
std::span<const ToolFormat* const> ToolFormats();
const ToolFormat* ToolFormatNamed(std::string_view name);  // null: there is none

struct CallGrammarOptions {
  bool required = false;  // nothing but calls; otherwise text, which may go over into calls
  bool parallel = true;
  // Where only calls are allowed the model may think before them: "<think>", "</think>"; empty: it does not.
  std::string_view thought_opening = {}, thought_closing = {};
  bool thought_begun = false;  // by the prompt
};
// Texts that call these functions. kUnsupported, with the function's name, for parameters that cannot be enforced.
Result<std::shared_ptr<const grammar::Grammar>> CallGrammar(const ToolFormat& format,
                                                            std::span<const ToolFunction> functions,
                                                            const CallGrammarOptions& options);

}  // namespace bantam::tools
