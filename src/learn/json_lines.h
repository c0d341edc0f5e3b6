// Files of one JSON object a line: blank lines are skipped, errors name file and line.
#pragma once

#include <functional>

#include "base/file_io.h"
#include "base/json.h"

namespace bantam {

// Calls `line` for each object; its error ends the reading.
Status ReadJsonLines(const Path& path, const std::function<Status(const JsonObject& object)>& line);

}  // namespace bantam
