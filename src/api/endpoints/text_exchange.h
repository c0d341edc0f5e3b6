// One text of a model, from the checked request to its end, for APIs that answer with one: what it thinks and what it
// calls is told apart from what it says, and a writer makes the API's reply of it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/context.h"
#include "api/endpoints/text_writer.h"
#include "api/endpoints/tool_request.h"
#include "api/error_map.h"
#include "api/http_types.h"
#include "tasks/generate.h"

namespace bantam {

struct TextRequest {
  ServedModelPtr model = nullptr;
  GenerateCall call = {};
  std::shared_ptr<const ToolRequest> tools = nullptr;  // null: calls are not looked for
  std::string call_id_prefix = "call_";
  // Marks of a thought that is told apart from what is said; empty: none.
  std::string thought_opening = {}, thought_closing = {};
  bool in_thought = false;  // the prompt opened one
};

// Of a model that thinks: its thoughts are told apart, and its chat template is told whether it shall (nothing: as the
// template likes). False: the model's template knows no thoughts.
bool TellThoughtsApart(TextRequest& text, std::optional<bool> wanted, json::object& variables);

// Writes the text on the threads that wait for such; replies 429 when too many wait already. The context outlives the
// reply.
void StartText(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
               std::shared_ptr<const TextRequest> text, TextWriterMaker writer);

}  // namespace bantam
