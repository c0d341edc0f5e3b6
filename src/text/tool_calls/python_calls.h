// Calls as Python writes them, f(a="x", b=[1, True, None]), to JSON and back.
#pragma once

#include "text/tool_calls/tool_format.h"

namespace bantam::tools {

// [f(...), g(...)] up to `closing`. A call's arguments come in one piece, when the call has ended.
std::unique_ptr<CallReader> NewPythonReader(std::string_view closing);

// The JSON of one call's arguments; empty for what is no call with literals as arguments by name. `name`: the function.
std::string PythonArguments(std::string_view call, std::string& name);

std::string PythonCall(const MadeCall& call);

}  // namespace bantam::tools
