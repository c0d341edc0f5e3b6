#include "api/decision_json.h"

namespace bantam {

json::array NearestJson(const std::vector<NearestExample>& examples) {
  json::array nearest;
  for (const NearestExample& example : examples) {
    nearest.push_back({{"text", example.text}, {"route", example.route}, {"similarity", example.similarity}});
  }
  return nearest;
}

json::value CalibrationIdJson(const std::string& id) { return id.empty() ? json::value() : json::value(id); }

}  // namespace bantam
