#include "learn/json_lines.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {

Status ReadJsonLines(const Path& path, const std::function<Status(const JsonObject& object)>& line) {
  BANTAM_TRY(const std::string bytes, ReadFile(path));
  const std::string name = EscapeForTerminal(path.string());
  size_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view text(bytes.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    // The parser's own place would be line 1 of the line.
    const std::string where = fmt::format("{}:{}", name, number);
    const auto json = ParseJson(text, where);
    if (!json) {
      Error error = json.error();
      if (error.message.starts_with(where + ":1:")) error.message.erase(where.size(), 2);
      return error;
    }
    BANTAM_TRY(const JsonObject object, JsonObject::From(*json, where));
    BANTAM_RETURN_IF_ERROR(line(object));
  }
  return Ok();
}

}  // namespace bantam
