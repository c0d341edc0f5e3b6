#include <cstdlib>

#include "base/text_util.h"
#include "learn/early_exit.h"
#include "route/route_file_reader.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Defaults {
  int num_retries = 1;
  milliseconds timeout{20'000};
  int allowed_fails = UpstreamConfig().allowed_fails;
  milliseconds cooldown_time = UpstreamConfig().cooldown_time;
};

// `early_exit: off`, or `early_exit: {max_disagreement: 0.5%}`
void ReadEarlyExit(YamlMap& map, RouteFileReading& reading) {
  const YamlNode::Entry* entry = map.Find("early_exit");
  if (entry == nullptr) return;
  if (entry->value.kind == YamlNode::Kind::kScalar) {
    if (entry->value.scalar == "off") {
      reading.file.max_disagreement = 0;
    } else {
      reading.problems.Error(entry->value.place,
                             "\"early_exit\" is \"{}\"; write off, or the share of decisions that it may change: "
                             "{{max_disagreement: 0.5%}}",
                             EscapeForTerminal(entry->value.scalar, 40));
    }
    return;
  }
  YamlMap exit(entry->value, "\"early_exit\"", reading.problems);
  const std::string text = exit.Text("max_disagreement", "0.2%");
  const Result<double> share = ParseDisagreement(text);
  if (share && *share > 0) {
    reading.file.max_disagreement = *share;
  } else {
    reading.problems.Error(exit.PlaceOf("max_disagreement"),
                           "\"max_disagreement\" is \"{}\"; give a percentage above 0% and at most 5%, such as 0.5%",
                           EscapeForTerminal(text, 40));
  }
  exit.Finish();
}

Defaults ReadRouterSettings(YamlMap& top, RouteFileReading& reading) {
  Defaults defaults;
  if (const YamlNode* node = top.Map("router_settings")) {
    YamlMap map(*node, "\"router_settings\"", reading.problems);
    defaults.num_retries = static_cast<int>(map.Integer("num_retries", 1, 0, 5));
    defaults.timeout = map.Duration("timeout", defaults.timeout, milliseconds(1), minutes(60));
    defaults.allowed_fails = static_cast<int>(map.Integer("allowed_fails", defaults.allowed_fails, 1, 1'000));
    defaults.cooldown_time = map.Duration("cooldown_time", defaults.cooldown_time, milliseconds(0), minutes(60));
    ReadEarlyExit(map, reading);
    map.Finish();
  }
  return defaults;
}

// "os.environ/NAME": the variable's value; anything else is the key itself. An unset variable does not make the file
// wrong (a laptop without the key still serves every local route), it only switches the model off.
void ReadApiKey(YamlMap& map, UpstreamConfig& config, RouteFileReading& reading) {
  const std::string text = map.Text("api_key");
  if (text.empty()) return;
  const YamlPlace place = map.PlaceOf("api_key");
  if (!text.starts_with(kEnvironmentPrefix)) {
    reading.problems.Warning(place,
                             "the key of model \"{}\" is written in the file; put it into the environment and write "
                             "os.environ/NAME",
                             config.name);
    config.api_key = text;
    return;
  }
  const std::optional<std::string> name = EnvironmentName(text);
  if (!name) {
    reading.problems.Error(place, "\"{}\" names no environment variable; write os.environ/NAME",
                           EscapeForTerminal(text, 60));
    return;
  }
  const char* value = std::getenv(name->c_str());
  if (value != nullptr && *value != '\0') {
    config.api_key = value;
    return;
  }
  reading.problems.Warning(place,
                           "the environment variable {} is not set, so the model \"{}\" is switched off; export it to "
                           "use the model",
                           *name, config.name);
  reading.file.disabled_upstreams[config.name] = fmt::format("the environment variable {} is not set", *name);
}

void ReadCost(YamlMap& map, UpstreamConfig& config, Problems& problems) {
  if (const YamlNode* node = map.Map("cost")) {
    YamlMap cost(*node, fmt::format("\"cost\" of model \"{}\"", config.name), problems);
    config.input_per_1m = cost.Number("input_per_1m", 0, 1e6).value_or(0);
    config.output_per_1m = cost.Number("output_per_1m", 0, 1e6).value_or(0);
    cost.Finish();
  }
}

void ReadModel(const YamlNode& node, const Defaults& defaults, RouteFileReading& reading) {
  Problems& problems = reading.problems;
  YamlMap map(node, "an item of \"model_list\"", problems);
  if (!map.valid()) return;
  UpstreamConfig config;
  config.num_retries = defaults.num_retries;
  config.allowed_fails = defaults.allowed_fails;
  config.cooldown_time = defaults.cooldown_time;
  config.name = map.RequiredText("model_name", "give the name by which routes call it");
  if (!config.name.empty() && !CheckName("a model", config.name, map.PlaceOf("model_name"), problems)) return;
  const auto [before, is_new] = reading.model_places.emplace(config.name, map.PlaceOf("model_name"));
  if (!is_new) {
    problems.Error(map.PlaceOf("model_name"), "the model \"{}\" is here twice, first in line {}; rename one",
                   config.name, before->second.line);
  }
  const YamlNode::Entry* params_node = map.Find("params");
  if (params_node == nullptr) {
    problems.Error(map.place(), "model \"{}\" has no \"params\"; give {{model, api_base, api_key}}", config.name);
  } else {
    YamlMap params(params_node->value, fmt::format("\"params\" of model \"{}\"", config.name), problems);
    config.model = params.RequiredText("model", "give the endpoint's own name for it, such as openai/gpt-4o-mini");
    config.api_base = params.RequiredText("api_base", "give the endpoint's address, such as https://api.openai.com/v1");
    CheckUrl(config.api_base, params.PlaceOf("api_base"), problems);
    while (config.api_base.ends_with('/')) config.api_base.pop_back();
    ReadApiKey(params, config, reading);
    const milliseconds least(1), most = minutes(60);
    config.timeout = params.Duration("timeout", defaults.timeout, least, most);
    config.connect_timeout = params.Duration("connect_timeout", config.connect_timeout, least, most);
    config.first_byte_timeout = params.Duration("first_byte_timeout", config.first_byte_timeout, least, most);
    config.idle_timeout = params.Duration("idle_timeout", config.idle_timeout, least, most);
    params.Finish();
  }
  ReadCost(map, config, problems);
  map.Finish();
  reading.file.upstreams.push_back(std::move(config));
}

}  // namespace

void ReadModels(YamlMap& top, RouteFileReading& reading) {
  const Defaults defaults = ReadRouterSettings(top, reading);
  if (const YamlNode* list = top.Sequence("model_list")) {
    for (const YamlNode& node : list->items) ReadModel(node, defaults, reading);
  }
}

}  // namespace bantam
