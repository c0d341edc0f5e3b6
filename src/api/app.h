// Requests -> endpoints: finds the row of the table, checks what all endpoints share, counts.
#pragma once

#include "api/context.h"
#include "api/http_server.h"
#include "trace/span_exporter.h"

namespace bantam {

// spans: of requests, to a collector; null: nobody keeps any.
std::shared_ptr<HttpApp> MakeApp(std::shared_ptr<ApiContext> context, std::shared_ptr<SpanExporter> spans);

}  // namespace bantam
