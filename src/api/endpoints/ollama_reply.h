// The way from a checked request of Ollama's family to its reply: one object, or lines of JSON (NDJSON), the last of
// which has the counts and times.
#pragma once

#include "api/endpoints/ollama_request.h"
#include "api/http_types.h"

namespace bantam {

// Writes the text on the threads that wait for such; or says that the model is loaded, as it is by then, or let go. Or
// refuses: the error is at `at`.
void AnswerOllamaText(ApiContext& context, const HttpRequest& http, Responder& responder, Result<OllamaText> text,
                      const std::string& at);

}  // namespace bantam
