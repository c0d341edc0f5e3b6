// Work that replaces what is served: one at a time, on the thread of reloads.
#pragma once

#include <functional>

#include "api/context.h"
#include "api/http_types.h"

namespace bantam {

// Runs `work` with a responder that takes the place of this one. Where one is under way and another one waits already
// the client gets 429, and 500 for whatever `work` throws. `http` lives as long as the responder that `work` is given.
void RunOnReloadThread(ApiContext& context, const HttpRequest& http, Responder& responder,
                       std::function<void(Responder&)> work);

}  // namespace bantam
