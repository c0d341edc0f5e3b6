#include "api/endpoints/ollama_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text_util.h"
#include "base/utc_time.h"

namespace bantam {

std::string OllamaTime() {
  const int64_t micros = WallMicros();
  std::string text = UtcTimeText(micros / 1'000'000);
  text.insert(text.size() - 1, fmt::format(".{:06}", micros % 1'000'000));
  return text;
}

int64_t Nanoseconds(MonotonicTime::duration time) {
  return std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

json::object OllamaDetails(const ServedModel& model) {
  return {{"parent_model", model.parent},
          {"format", model.format.format},
          {"family", model.architecture},
          {"families", json::array{model.architecture}},
          {"parameter_size", HumanCount(model.num_parameters())},
          {"quantization_level", model.format.quantization}};
}

}  // namespace bantam
