#include "files/lora_config.h"

#include <algorithm>
#include <cmath>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr int64_t kMostRank = 16'384;
constexpr double kMostAlpha = 1e6;

bool SaysNothing(const json::value& value) {
  return value.is_null() || (value.is_bool() && !value.get_bool()) || (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty());
}

// A pattern of peft is a regular expression that the end of a name must match. Plain names are all that is in use.
Status CheckPlain(const JsonObject& patterns, std::string_view pattern) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  if (!pattern.empty() && pattern.find_first_not_of(kPlain) == std::string_view::npos) return Ok();
  return Err(ErrorCode::kUnsupported, "{}: \"{}\" is a regular expression; only names of modules are known",
             patterns.name(), EscapeForTerminal(pattern));
}

Status RefuseOtherMethods(const JsonObject& config) {
  struct Refused {
    std::string_view key, why;
  };
  static constexpr Refused kRefused[] = {
      {"modules_to_save", "modules that were trained whole are not taken from an adapter: merge it into the model"},
      {"use_dora", "DoRA's magnitudes are not computed here: merge the adapter into the model"},
      {"lora_bias", "biases of the low-rank products are not computed here"},
      {"trainable_token_indices", "tokens that were trained whole are not taken from an adapter: merge it"},
      {"layer_replication", "layers that stand for several are not known"},
      {"target_parameters", "only modules are known, not parameters inside them"},
      {"alora_invocation_tokens", "adapters that begin within a text are not known"},
      {"arrow_config", "routed adapters are not known"},
      {"use_qalora", "QALoRA's pooled inputs are not computed here"},
      {"velora_config", "only plain LoRA is known"},
  };
  for (const auto& [key, why] : kRefused) {
    const json::value* value = config.Find(key);
    if (value == nullptr || SaysNothing(*value)) continue;
    return Err(ErrorCode::kUnsupported, "{} is {}: {}", config.Where(key), EscapeForTerminal(ToJson(*value), 120), why);
  }
  // Other switches that a newer version may have are on for a reason.
  for (const auto& member : config.raw()) {
    const std::string_view key = member.key();
    if (!key.starts_with("use_") || key == "use_rslora" || SaysNothing(member.value())) continue;
    return Err(ErrorCode::kUnsupported, "{} is {}: only plain LoRA and rsLoRA are known", config.Where(key),
               EscapeForTerminal(ToJson(member.value()), 120));
  }
  BANTAM_TRY(const std::string bias, config.StringOr("bias", "none"));
  if (bias != "none") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\": biases of the model are not taken from an adapter, merge it",
               config.Where("bias"), EscapeForTerminal(bias));
  }
  // These change the model's own weights when training begins, so the file alone does not say the adapted model.
  const json::value* start = config.Find("init_lora_weights");
  if (start == nullptr || !start->is_string()) return Ok();
  const std::string_view way = start->get_string();
  for (const std::string_view changes : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
    if (!way.starts_with(changes)) continue;
    return Err(ErrorCode::kUnsupported,
               "{} is \"{}\", which changes the model's own weights: convert the adapter with peft "
               "(path_initial_model_for_weight_conversion), or merge it",
               config.Where("init_lora_weights"), EscapeForTerminal(way));
  }
  return Ok();
}

Result<JsonObject> Patterns(const JsonObject& config, std::string_view key, const json::value& none) {
  const json::value* value = config.Find(key);
  if (value == nullptr || value->is_null()) return JsonObject::From(none, config.Where(key));
  return config.Object(key);
}

}  // namespace

bool IsModule(std::string_view module, std::string_view name) {
  if (!module.ends_with(name)) return false;
  return module.size() == name.size() || module[module.size() - name.size() - 1] == '.';
}

int LoraConfig::RankOf(std::string_view module) const {
  const auto own = std::ranges::find_if(ranks, [&](const auto& row) { return IsModule(module, row.first); });
  return own == ranks.end() ? rank : own->second;
}

double LoraConfig::ScaleOf(std::string_view module) const {
  const auto own = std::ranges::find_if(alphas, [&](const auto& row) { return IsModule(module, row.first); });
  const double by = RankOf(module);
  return (own == alphas.end() ? alpha : own->second) / (root_of_rank ? std::sqrt(by) : by);
}

Result<LoraConfig> ReadLoraConfig(const json::value& document, std::string_view name) {
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, name));
  BANTAM_TRY(const std::string type, config.String("peft_type"));
  if (type != "LORA") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: LORA", config.Where("peft_type"),
               EscapeForTerminal(type));
  }
  BANTAM_RETURN_IF_ERROR(RefuseOtherMethods(config));
  LoraConfig lora;
  BANTAM_TRY(const int64_t rank, config.IntOr("r", 8, 1, kMostRank));
  lora.rank = static_cast<int>(rank);
  BANTAM_TRY(lora.alpha, config.NumberOr("lora_alpha", 8, -kMostAlpha, kMostAlpha));
  BANTAM_TRY(lora.root_of_rank, config.BoolOr("use_rslora", false));
  const json::value none = json::object();
  BANTAM_TRY(const JsonObject ranks, Patterns(config, "rank_pattern", none));
  for (const auto& member : ranks.raw()) {
    BANTAM_RETURN_IF_ERROR(CheckPlain(ranks, member.key()));
    BANTAM_TRY(const int64_t own, ranks.Int(member.key(), 1, kMostRank));
    lora.ranks.emplace_back(member.key(), static_cast<int>(own));
  }
  BANTAM_TRY(const JsonObject alphas, Patterns(config, "alpha_pattern", none));
  for (const auto& member : alphas.raw()) {
    BANTAM_RETURN_IF_ERROR(CheckPlain(alphas, member.key()));
    BANTAM_TRY(const double own, alphas.Number(member.key(), -kMostAlpha, kMostAlpha));
    lora.alphas.emplace_back(member.key(), own);
  }
  return lora;
}

}  // namespace bantam
