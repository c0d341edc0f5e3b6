// router_settings: how patiently large models are asked, who is asked in whose place, and what all of them may cost.
#include "base/text_util.h"
#include "learn/early_exit.h"
#include "route/route_file_reader.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

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

// fallbacks: [{big: [small, smaller]}]
void ReadFallbacks(YamlMap& map, RouteFileReading& reading) {
  const YamlNode* list = map.Sequence("fallbacks");
  if (list == nullptr) return;
  const auto refer = [&](const std::string& model, YamlPlace place) {
    reading.references.Add(References::Kind::kModel, model, place);
  };
  for (const YamlNode& item : list->items) {
    if (item.kind != YamlNode::Kind::kMap) {
      reading.problems.Error(item.place, "an item of \"fallbacks\" is {}; write {{MODEL: [OTHER, ...]}}",
                             YamlKindName(item.kind));
      continue;
    }
    YamlMap fallback(item, "an item of \"fallbacks\"", reading.problems);
    for (const YamlNode::Entry& entry : item.entries) {
      refer(entry.key, entry.key_place);
      std::vector<std::string>& others = reading.file.fallbacks[entry.key];
      for (const auto& [other, place] : fallback.TextList(entry.key)) {
        refer(other, place);
        if (other == entry.key) {
          reading.problems.Error(place, "the model \"{}\" is its own fallback; name another one", other);
        }
        others.push_back(other);
      }
    }
  }
}

void ReadOnBudgetExceeded(YamlMap& map, RouteFileReading& reading) {
  const std::string who = map.Text("on_budget_exceeded", "fail");
  const YamlPlace place = map.PlaceOf("on_budget_exceeded");
  if (who == "queue") {
    reading.problems.Error(place,
                           "\"on_budget_exceeded\" is the name of a model to ask instead, or fail; to keep questions "
                           "until there is money again write offline: queue");
  } else if (who != "fail") {
    reading.references.Add(References::Kind::kModel, who, place);
    reading.file.on_budget_exceeded = who;
  }
}

}  // namespace

void ReadSpendingLimit(YamlMap& map, SpendingLimit& limit) {
  limit.money = map.Number("max_budget", 1e-9, 1e9);
  if (map.Has("token_budget")) limit.tokens = map.Integer("token_budget", 1, 1, 1'000'000'000'000'000);
  limit.period = std::chrono::duration_cast<seconds>(
      map.Duration("budget_duration", milliseconds(limit.period), seconds(1), std::chrono::hours(24 * 366)));
  if (map.Has("budget_duration") && !limit.any()) {
    map.problems().Error(map.PlaceOf("budget_duration"),
                         "{} has a \"budget_duration\" without a budget; add max_budget: 5.00 or token_budget: 1000000",
                         map.what());
  }
}

void ReadRouterSettings(YamlMap& top, UpstreamConfig& defaults, RouteFileReading& reading) {
  const YamlNode* node = top.Map("router_settings");
  if (node == nullptr) return;
  YamlMap map(*node, "\"router_settings\"", reading.problems);
  defaults.num_retries = static_cast<int>(map.Integer("num_retries", defaults.num_retries, 0, 5));
  defaults.timeout = map.Duration("timeout", defaults.timeout, milliseconds(1), minutes(60));
  defaults.allowed_fails = static_cast<int>(map.Integer("allowed_fails", defaults.allowed_fails, 1, 1'000));
  defaults.cooldown_time = map.Duration("cooldown_time", defaults.cooldown_time, milliseconds(0), minutes(60));
  ReadFallbacks(map, reading);
  ReadSpendingLimit(map, reading.file.spending_limits.total);
  if (const YamlNode* per_key = map.Map("per_key")) {
    YamlMap limits(*per_key, "\"per_key\"", reading.problems);
    ReadSpendingLimit(limits, reading.file.spending_limits.per_key);
    limits.Finish();
  }
  ReadOnBudgetExceeded(map, reading);
  ReadEarlyExit(map, reading);
  map.Finish();
}

}  // namespace bantam
