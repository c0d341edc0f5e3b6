#include "models/config_reader.h"

#include "base/text_util.h"

namespace bantam {

Result<JsonObject> ConfigOf(const ModelFolder& model) {
  return JsonObject::From(model.config, EscapeForTerminal(model.config_path().string(), 400));
}

Result<int> ReadSize(const JsonObject& config, std::string_view key, int64_t maximum) {
  BANTAM_TRY(const int64_t value, config.Int(key, 1, maximum));
  return static_cast<int>(value);
}

Result<int> ReadSizeOr(const JsonObject& config, std::string_view key, int other, int64_t maximum) {
  BANTAM_TRY(const int64_t value, config.IntOr(key, other, 1, maximum));
  return static_cast<int>(value);
}

Result<Activation> ReadActivation(const JsonObject& config, std::string_view key, std::string_view other) {
  struct Row {
    std::string_view name;
    Activation activation;
  };
  static constexpr Row kRows[] = {
      {"gelu", kActivationGelu},          {"gelu_new", kActivationGeluTanh}, {"gelu_pytorch_tanh", kActivationGeluTanh},
      {"gelu_fast", kActivationGeluTanh}, {"gelu_python", kActivationGelu},  {"relu", kActivationRelu},
      {"silu", kActivationSilu},          {"swish", kActivationSilu},
  };
  BANTAM_TRY(const std::string name, config.StringOr(key, other));
  std::string known;
  for (const Row& row : kRows) {
    if (row.name == name) return row.activation;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: {}", config.Where(key), EscapeForTerminal(name), known);
}

Result<float> ReadEpsilon(const JsonObject& config, std::string_view key, double other) {
  BANTAM_TRY(const double epsilon, config.NumberOr(key, other, 0, 1));
  return static_cast<float>(epsilon);
}

Status CheckDivides(const JsonObject& config, std::string_view key, int value, std::string_view divisor_key,
                    int divisor) {
  if (value % divisor == 0) return Ok();
  return Err(ErrorCode::kCorrupt, "{} is {}, which \"{}\" {} does not divide", config.Where(key), value, divisor_key,
             divisor);
}

Result<int> ReadPaddingOffset(const JsonObject& config, int max_position_embeddings) {
  BANTAM_TRY(const int64_t padding, config.IntOr("pad_token_id", 1, 0, SizeLimits::kPositions));
  return CheckPositionOffset(config, static_cast<int>(padding) + 1, max_position_embeddings);
}

Result<int> CheckPositionOffset(const JsonObject& config, int offset, int max_position_embeddings) {
  if (offset < max_position_embeddings) return offset;
  return Err(ErrorCode::kCorrupt, "{} is {}, but the first token's position is {}",
             config.Where("max_position_embeddings"), max_position_embeddings, offset);
}

Status RefuseTrue(const JsonObject& config, std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const std::string_view key : keys) {
    BANTAM_TRY(const bool set, config.BoolOr(key, false));
    if (set) return Err(ErrorCode::kUnsupported, "{} is true: {}", config.Where(key), why);
  }
  return Ok();
}

Status RequireString(const JsonObject& config, std::string_view key, std::string_view known) {
  BANTAM_TRY(const std::string value, config.StringOr(key, known));
  if (value == known) return Ok();
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: {}", config.Where(key), EscapeForTerminal(value), known);
}

Result<std::optional<std::vector<bool>>> ReadSlidingLayers(const JsonObject& config, int num_layers) {
  constexpr std::string_view kKey = "layer_types";
  const json::value* present = config.Find(kKey);
  if (present == nullptr || present->is_null()) return std::optional<std::vector<bool>>();
  BANTAM_TRY(const json::array* list, config.Array(kKey));
  if (list->size() != static_cast<size_t>(num_layers)) {
    return Err(ErrorCode::kCorrupt, "{} has {} entries, there are {} layers", config.Where(kKey), list->size(),
               num_layers);
  }
  std::vector<bool> sliding;
  for (const json::value& type : *list) {
    sliding.push_back(type == "sliding_attention");
    if (sliding.back() || type == "full_attention") continue;
    return Err(ErrorCode::kUnsupported, "{} holds {}; known: full_attention, sliding_attention", config.Where(kKey),
               EscapeForTerminal(ToJson(type)));
  }
  return std::optional(std::move(sliding));
}

Result<std::vector<bool>> ReadQwenLocalLayers(const JsonObject& config, int num_layers) {
  BANTAM_TRY(const bool sliding, config.BoolOr("use_sliding_window", false));
  if (!sliding) return std::vector<bool>(static_cast<size_t>(num_layers));
  BANTAM_TRY(const auto told, ReadSlidingLayers(config, num_layers));
  if (told) return *told;
  BANTAM_TRY(const int64_t first, config.IntOr("max_window_layers", 28, 0, SizeLimits::kLayers));
  std::vector<bool> local;
  for (int i = 0; i < num_layers; ++i) local.push_back(i >= first);
  return local;
}

Result<double> ReadRopeTheta(const JsonObject& config, std::string_view layer_type, std::string_view old_key,
                             double other) {
  constexpr double kLargest = 1e12;
  const auto present = [](const JsonObject& object, std::string_view key) {
    const json::value* value = object.Find(key);
    return value != nullptr && !value->is_null();
  };
  const auto check_type = [](const JsonObject& rope) -> Status {
    BANTAM_RETURN_IF_ERROR(RequireString(rope, "rope_type", "default"));
    return RequireString(rope, "type", "default");
  };
  if (present(config, "rope_parameters")) {
    BANTAM_TRY(JsonObject rope, config.Object("rope_parameters"));
    if (!layer_type.empty()) {
      BANTAM_TRY(rope, rope.Object(layer_type));
    }
    BANTAM_RETURN_IF_ERROR(check_type(rope));
    return rope.NumberOr("rope_theta", other, 1, kLargest);
  }
  if (present(config, "rope_scaling")) {
    BANTAM_TRY(const JsonObject scaling, config.Object("rope_scaling"));
    BANTAM_RETURN_IF_ERROR(check_type(scaling));
  }
  return config.NumberOr(old_key, other, 1, kLargest);
}

}  // namespace bantam
