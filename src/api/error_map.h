// Our error codes -> HTTP statuses, and the error body.
#pragma once

#include "api/http_types.h"
#include "base/result.h"

namespace bantam {

int HttpStatusOf(ErrorCode code);

// {"error": {"message", "type", "param", "code"}}, as OpenAI's clients unwrap it. `param`: the JSON path at fault, or
// empty.
HttpReply OpenAiError(int status, std::string_view message, std::string_view param = {}, std::string_view code = {});
// retry_after_s: of what may be tried again, a full queue or a server that stops.
HttpReply OpenAiError(const Error& error, std::string_view param = {}, int retry_after_s = 1);
// The same object for an event inside a stream.
std::string OpenAiErrorBody(int status, std::string_view message, std::string_view param = {},
                            std::string_view code = {});

}  // namespace bantam
