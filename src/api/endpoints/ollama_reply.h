// The way from a checked request of Ollama's family to its reply: one object, or lines of JSON (NDJSON), the last of
// which has the counts and times.
#pragma once

#include "api/endpoints/ollama_request.h"
#include "api/http_types.h"

namespace bantam {

// Writes the text on the threads that wait for such.
void StartOllamaText(ApiContext& context, const HttpRequest& http, Responder& responder, OllamaText text);

// The answer to a request that asks for no text, but that the model be loaded, as it is, or let go.
void SendOllamaLoaded(const OllamaText& text, Responder& responder);

}  // namespace bantam
