// The way from a checked request for text to its reply, whole or in server-sent events, as OpenAI's clients read both.
#pragma once

#include <memory>
#include <string>

#include "api/endpoints/generate_request.h"
#include "api/http_types.h"

namespace bantam {

// Hands the request to the threads that wait for texts, so that neither the I/O thread nor the workers of short
// requests do; replies 429 when too many wait already. The context outlives the reply.
void StartGeneration(ApiContext& context, const HttpRequest& http, Responder& responder, GenerateRequest request);

}  // namespace bantam
