// The parts of LoadRouteFile, one file each. Internal to the room.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "learn/examples.h"
#include "route/actions/action.h"
#include "route/route_file.h"
#include "route/yaml_reader.h"

namespace bantam {

// One example sentence and where it was read, for warnings.
struct ReadExample {
  std::string text;
  std::string route;  // kOutOfScopeLabel for out of scope
  YamlPlace place;
  std::string where;  // "line 14", or "data/refund.jsonl line 3"
};

// What the file says about the policy, until all of it is read.
struct DecisionReading {
  std::string policy;  // empty: not said
  YamlPlace place;     // of "decision"
  std::optional<double> max_error, delta;
  struct Key {
    std::string name;
    YamlPlace place;
  };
  std::vector<Key> of_risk, of_threshold;  // keys, anywhere in the file, that go with one policy only
  std::optional<bool> clarify, drift;      // false: off
  std::string calibration_file;
  YamlPlace calibration_place;
};

inline constexpr double kLeastMaxError = 0.0001, kMostMaxError = 0.5;  // share of wrong answers that a file may allow

struct RouteFileReading {
  RouteFile& file;
  Problems& problems;
  References references = {};
  std::vector<ReadExample> examples = {};
  std::map<std::string, YamlPlace> response_places = {}, form_places = {}, model_places = {};
  std::vector<std::pair<std::string, YamlPlace>> tested_routes = {}, tested_slots = {};
  std::vector<std::pair<std::string, YamlPlace>> parents = {};           // routes that name one, and where
  std::vector<std::pair<std::string, YamlPlace>> without_examples = {};  // routes, and where they begin
  DecisionReading decision = {};
  std::optional<YamlPlace> upper_bound_place = {};  // of learning.promote_if, where it is given
  Sha256 hash = {};                                 // of everything that was read

  void HashBytes(std::string_view bytes);
};

void ReadSettings(YamlMap& top, RouteFileReading& reading);  // name, encoder, audit, session, responses
void ReadCache(YamlMap& top, RouteFileReading& reading);
void ReadDecision(YamlMap& top, RouteFileReading& reading);  // decision, and its calibration_file
void ReadModels(YamlMap& top, RouteFileReading& reading);    // model_list, router_settings
void ReadPrivacy(YamlMap& top, RouteFileReading& reading);   // privacy, once the models are read
void ReadLearning(YamlMap& top, RouteFileReading& reading);  // learning, once settings, decision and models are read
void ReadRoutes(YamlMap& top, RouteFileReading& reading);    // routes, out_of_scope
void ReadForms(YamlMap& top, RouteFileReading& reading);
void ReadTests(YamlMap& top, RouteFileReading& reading);
// Once everything is read: names that refer to nothing, examples that contradict, things that nobody uses.
void CheckRouteFile(RouteFileReading& reading);
// Parts of ReadModels: router_settings, among them what models have that do not say it themselves; and the keys of a
// budget, wherever one may stand.
void ReadRouterSettings(YamlMap& top, UpstreamConfig& defaults, RouteFileReading& reading);
void ReadSpendingLimit(YamlMap& map, SpendingLimit& limit);
// Part of CheckRouteFile: the policy, and whether the calibration data can do.
void CheckDecision(RouteFileReading& reading);
// Part of CheckRouteFile: what learning asks of the rest, once the policy is known.
void CheckLearning(RouteFileReading& reading);

// A name for a route, form, slot, response or model: letters, digits, '_', '-', '.', at most 64. Complains otherwise.
bool CheckName(std::string_view what, std::string_view name, YamlPlace place, Problems& problems);

// How the file refers to secrets: "os.environ/NAME". The name; nothing where the text is anything else.
inline constexpr std::string_view kEnvironmentPrefix = "os.environ/";
std::optional<std::string> EnvironmentName(std::string_view text);
// The variable's value; nothing when it is unset or empty.
std::optional<std::string> EnvironmentValue(const std::string& name);

}  // namespace bantam
