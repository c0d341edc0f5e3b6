// Work that waits for texts, on threads of its own: neither the I/O thread nor the workers of short requests wait.
#pragma once

#include <functional>
#include <optional>

#include "api/context.h"
#include "api/error_map.h"
#include "api/http_types.h"

namespace bantam {

// Runs `work` with a responder that takes the place of this one. Too many that wait already get 429, and whatever
// `work` throws 500, both in the shape of `family`. `context` outlives the reply, and `http` lives as long as the
// responder that `work` is given. retry_after_s: when those may come again that get 429.
void RunOnTextThread(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
                     int retry_after_s, std::function<void(Responder&)> work);

// The refusal of a request for a text for which there is no room in its model's queue, before its prompt is made and
// without a thread; nothing where it may go on. Costs little where no queue is full, and never waits.
std::optional<HttpReply> RefuseFullQueue(const ApiContext& context, const HttpRequest& http, ApiFamily family);

}  // namespace bantam
