// One line of the log for each request: which it was, how it was answered and what that took. Never what was asked, nor
// a key, nor the query of an address, which may hold either.
#pragma once

#include "api/http_server.h"

namespace bantam {

void LogRequest(const HttpRequest& request, const HttpApp::Finished& finished);
void LogRefusal(const HttpRequest& request, int status);

}  // namespace bantam
