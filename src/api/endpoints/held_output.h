// What a request holds its text to, in the ways that clients say it: "response_format" (OpenAI), "guided_json",
// "guided_regex", "guided_choice", "guided_grammar" and "structured_outputs" (vLLM), "json_schema" and "grammar"
// (llama.cpp). docs/reference/constrained-output.md says what can be enforced.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

// Null: nothing. kInvalidArgument, with the place, for what cannot be enforced, and for more than one of them.
Result<std::shared_ptr<const grammar::Constraint>> ReadHeldOutput(const JsonObject& body, const Generator& generator,
                                                                  std::string& at);

// The same of a JSON Schema alone, which stands in the field `at`: for Ollama's "format".
Result<std::shared_ptr<const grammar::Constraint>> HoldToSchema(const json::value& schema, const Generator& generator,
                                                                const std::string& at);

}  // namespace bantam
