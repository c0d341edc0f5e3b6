// Requests -> endpoints: finds the row of the table, checks what all endpoints share, counts.
#pragma once

#include "api/context.h"
#include "api/http_server.h"

namespace bantam {

std::shared_ptr<HttpApp> MakeApp(std::shared_ptr<ApiContext> context);

}  // namespace bantam
