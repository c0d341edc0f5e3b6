// What the JSON endpoints share: the body as an object, the model field, token-id inputs refused with the mend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/context.h"
#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// The body as a JSON object. `document` keeps the value that the object refers to.
Result<JsonObject> ParseBody(const HttpRequest& request, json::value& document);

// "input": a string or an array of strings. kInvalidArgument names the JSON path in the message.
Result<std::vector<std::string>> ParseInputs(const JsonObject& body, size_t max_inputs);

Error UnknownModel(const ApiContext& context, std::string_view name);

// The request's own deadline: `x-bantam-timeout-ms`, at most the server's limit.
Result<MonotonicTime> DeadlineOf(const ApiContext& context, const HttpRequest& request);

}  // namespace bantam
