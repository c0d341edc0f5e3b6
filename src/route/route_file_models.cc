#include <algorithm>

#include "base/text_util.h"
#include "route/dialects/dialect.h"
#include "route/route_file_reader.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr int64_t kDefaultMaxTokens = 4096;  // of answers whose price must be bounded

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
  if (const auto value = EnvironmentValue(*name)) {
    config.api_key = *value;
    return;
  }
  reading.problems.Warning(place,
                           "the environment variable {} is not set, so the model \"{}\" is switched off; export it to "
                           "use the model",
                           *name, config.name);
  reading.file.disabled_upstreams[config.label] = fmt::format("the environment variable {} is not set", *name);
}

void ReadCost(YamlMap& map, UpstreamConfig& config, Problems& problems) {
  if (const YamlNode* node = map.Map("cost")) {
    YamlMap cost(*node, fmt::format("\"cost\" of model \"{}\"", config.name), problems);
    config.input_per_1m = cost.Number("input_per_1m", 0, 1e6).value_or(0);
    config.output_per_1m = cost.Number("output_per_1m", 0, 1e6).value_or(0);
    config.cached_input_per_1m = cost.Number("cached_input_per_1m", 0, 1e6);
    if (config.cached_input_per_1m.value_or(0) > config.input_per_1m) {
      problems.Error(
          cost.PlaceOf("cached_input_per_1m"),
          "\"cached_input_per_1m\" of model \"{}\" is more than its \"input_per_1m\", so that a budget could "
          "be passed; give the price of the most expensive input as input_per_1m",
          config.name);
    }
    cost.Finish();
  }
}

// Where it is and how it is asked.
void ReadParams(const YamlNode& node, UpstreamConfig& config, RouteFileReading& reading) {
  Problems& problems = reading.problems;
  YamlMap params(node, fmt::format("\"params\" of model \"{}\"", config.name), problems);
  config.model = params.RequiredText("model", "give the endpoint's own name for it, such as openai/gpt-4o-mini");
  config.api_base = params.RequiredText("api_base", "give the endpoint's address, such as https://api.openai.com/v1");
  CheckUrl(config.api_base, params.PlaceOf("api_base"), problems);
  while (config.api_base.ends_with('/')) config.api_base.pop_back();
  const Dialect& dialect = DialectOf(config.model);
  if (&dialect != &kOpenAiDialect && config.api_base.ends_with("/v1")) {
    problems.Error(params.PlaceOf("api_base"),
                   "\"{}\" is asked at {}, which comes after \"api_base\": leave /v1 out, or write openai/... as its "
                   "\"model\" for an endpoint that speaks OpenAI's chat completions",
                   config.name, dialect.path);
  }
  ReadApiKey(params, config, reading);
  const milliseconds least(1), most = minutes(60);
  config.timeout = params.Duration("timeout", config.timeout, least, most);
  config.connect_timeout = params.Duration("connect_timeout", config.connect_timeout, least, most);
  config.first_byte_timeout = params.Duration("first_byte_timeout", config.first_byte_timeout, least, most);
  config.idle_timeout = params.Duration("idle_timeout", config.idle_timeout, least, most);
  config.num_retries = static_cast<int>(params.Integer("num_retries", config.num_retries, 0, 5));
  config.order = static_cast<int>(params.Integer("order", 1, 1, 1'000));
  config.weight = params.Number("weight", 1e-6, 1e6).value_or(1);
  config.max_parallel_requests =
      static_cast<int>(params.Integer("max_parallel_requests", config.max_parallel_requests, 1, 10'000));
  config.max_tokens = params.Integer("max_tokens", 0, 1, 10'000'000);
  params.Finish();
}

void ReadModel(const YamlNode& node, const UpstreamConfig& defaults, RouteFileReading& reading) {
  Problems& problems = reading.problems;
  YamlMap map(node, "an item of \"model_list\"", problems);
  if (!map.valid()) return;
  UpstreamConfig config = defaults;
  config.name = map.RequiredText("model_name", "give the name by which routes call it");
  if (!config.name.empty() && !CheckName("a model", config.name, map.PlaceOf("model_name"), problems)) return;
  reading.model_places.emplace(config.name, map.PlaceOf("model_name"));
  const auto earlier = std::ranges::count(reading.file.upstreams, config.name, &UpstreamConfig::name);
  config.label = earlier == 0 ? config.name : fmt::format("{}#{}", config.name, earlier + 1);
  const YamlNode::Entry* params_node = map.Find("params");
  if (params_node == nullptr) {
    problems.Error(map.place(), "model \"{}\" has no \"params\"; give {{model, api_base, api_key}}", config.name);
  } else {
    ReadParams(params_node->value, config, reading);
  }
  ReadCost(map, config, problems);
  ReadSpendingLimit(map, config.limit);
  if (config.limit.money && config.input_per_1m == 0 && config.output_per_1m == 0) {
    problems.Error(map.PlaceOf("max_budget"),
                   "model \"{}\" has a \"max_budget\" but no \"cost\", so that nothing would ever count; give its "
                   "prices: cost: {{input_per_1m: 0.15, output_per_1m: 0.60}}",
                   config.name);
  }
  map.Finish();
  reading.file.upstreams.push_back(std::move(config));
}

// What an answer may cost is known before it is asked for only when its length is bounded.
void BoundAnswers(RouteFile& file) {
  const bool all = file.spending_limits.total.any() || file.spending_limits.per_key.any();
  for (UpstreamConfig& config : file.upstreams) {
    const bool bounded = all || config.limit.any() || DialectOf(config.model).needs_max_tokens;
    if (bounded && config.max_tokens == 0) config.max_tokens = kDefaultMaxTokens;
  }
}

}  // namespace

void ReadModels(YamlMap& top, RouteFileReading& reading) {
  UpstreamConfig defaults;
  ReadRouterSettings(top, defaults, reading);
  if (const YamlNode* list = top.Sequence("model_list")) {
    for (const YamlNode& node : list->items) ReadModel(node, defaults, reading);
  }
  BoundAnswers(reading.file);
}

}  // namespace bantam
