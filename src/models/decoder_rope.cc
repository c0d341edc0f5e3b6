#include "models/decoder_rope.h"

#include <cmath>
#include <numbers>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr double kMostTheta = 1e12, kMostFactor = 1e6;
constexpr int64_t kMostPositions = int64_t{1} << 30;

bool IsObject(const JsonObject& config, std::string_view key) {
  const json::value* value = config.Find(key);
  return value != nullptr && value->is_object();
}

struct Scaling {
  const JsonObject& config;
  const JsonObject& rope;
  const RopeQuestion& question;
  RopeAnswer& answer;
  double theta;

  std::vector<float>& frequencies() const { return answer.options.frequencies; }
  void TakePlain() const { frequencies() = RopeFrequencies(theta, answer.options.rotary_dim); }
  Result<double> Factor() const { return rope.Number("factor", 1e-3, kMostFactor); }
  // Of the text that the model was trained with before its frequencies were stretched.
  Result<int64_t> OriginalPositions(int64_t other) const {
    return rope.IntOr("original_max_position_embeddings", other, 1, kMostPositions);
  }
};

Status LinearRope(const Scaling& scaling) {
  BANTAM_TRY(const double factor, scaling.Factor());
  scaling.TakePlain();
  for (float& frequency : scaling.frequencies()) frequency /= static_cast<float>(factor);
  return Ok();
}

// Long waves are stretched by the factor, short ones left alone, those between in proportion.
Status Llama3(const Scaling& scaling) {
  BANTAM_TRY(const double factor, scaling.Factor());
  BANTAM_TRY(const double low, scaling.rope.Number("low_freq_factor", 1e-3, kMostFactor));
  BANTAM_TRY(const double high, scaling.rope.Number("high_freq_factor", 1e-3, kMostFactor));
  BANTAM_TRY(const int64_t original, scaling.rope.Int("original_max_position_embeddings", 1, kMostPositions));
  if (high <= low) {
    return Err(ErrorCode::kCorrupt, "{} is {}, not above \"low_freq_factor\" {}",
               scaling.rope.Where("high_freq_factor"), high, low);
  }
  scaling.TakePlain();
  const auto length = static_cast<double>(original);
  for (float& frequency : scaling.frequencies()) {
    const double wave = 2 * std::numbers::pi / static_cast<double>(frequency);
    if (wave < length / high) continue;
    const auto stretched = static_cast<float>(static_cast<double>(frequency) / factor);
    if (wave > length / low) {
      frequency = stretched;
    } else {
      const double share = (length / wave - low) / (high - low);
      frequency =
          static_cast<float>((1 - share) * static_cast<double>(stretched) + share * static_cast<double>(frequency));
    }
  }
  return Ok();
}

double Mscale(double factor, double by) { return factor <= 1 ? 1.0 : 0.1 * by * std::log(factor) + 1; }

// Peng et al., 2023: by how often a pair turns within the original length.
Status Yarn(const Scaling& scaling) {
  BANTAM_TRY(const double factor, scaling.Factor());
  BANTAM_TRY(const int64_t original, scaling.OriginalPositions(scaling.question.max_positions));
  BANTAM_TRY(const double fast, scaling.rope.NumberOr("beta_fast", 32, 1e-3, kMostFactor));
  BANTAM_TRY(const double slow, scaling.rope.NumberOr("beta_slow", 1, 1e-3, kMostFactor));
  BANTAM_TRY(const bool truncate, scaling.rope.BoolOr("truncate", true));
  BANTAM_TRY(const double mscale, scaling.rope.NumberOr("mscale", 0, 0, kMostFactor));
  BANTAM_TRY(const double all_dim, scaling.rope.NumberOr("mscale_all_dim", 0, 0, kMostFactor));
  double magnitude = Mscale(factor, 1);
  if (mscale > 0 && all_dim > 0) magnitude = Mscale(factor, mscale) / Mscale(factor, all_dim);
  BANTAM_TRY(magnitude, scaling.rope.NumberOr("attention_factor", magnitude, 0, kMostFactor));
  scaling.answer.options.magnitude = static_cast<float>(magnitude);

  const int dim = scaling.answer.options.rotary_dim;
  const auto pair_of = [&](double turns) {
    return dim * std::log(static_cast<double>(original) / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(scaling.theta));
  };
  double first = pair_of(fast), last = pair_of(slow);
  if (truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, static_cast<double>(dim - 1));
  if (first == last) last += 0.001;
  scaling.TakePlain();
  for (int i = 0; i < dim / 2; ++i) {
    float& frequency = scaling.frequencies()[static_cast<size_t>(i)];
    const double stretched = std::clamp((i - first) / (last - first), 0.0, 1.0);
    const auto plain = static_cast<double>(frequency);
    frequency = static_cast<float>(plain / factor * stretched + plain * (1 - stretched));
  }
  return Ok();
}

// Divides the frequencies by a list of factors, one for each.
Status DivideBy(const JsonObject& rope, std::string_view key, std::vector<float>& frequencies) {
  BANTAM_TRY(const json::array* list, rope.Array(key));
  if (list->size() != frequencies.size()) {
    return Err(ErrorCode::kCorrupt, "{} has {} numbers, there are {} pairs", rope.Where(key), list->size(),
               frequencies.size());
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const json::value& value = (*list)[i];
    const double factor = value.is_number() ? value.to_number<double>() : 0;
    if (!(factor > 0) || !std::isfinite(factor)) {
      return Err(ErrorCode::kCorrupt, "{} holds {}", rope.Where(key), EscapeForTerminal(ToJson(value)));
    }
    frequencies[i] /= static_cast<float>(factor);
  }
  return Ok();
}

// Ding et al., 2024: one list of factors for texts up to the original length, another for longer ones.
Status LongRope(const Scaling& scaling) {
  RopeAnswer& answer = scaling.answer;
  const int most = scaling.question.max_positions;
  BANTAM_TRY(const int64_t own, scaling.OriginalPositions(most));
  BANTAM_TRY(const int64_t original, scaling.config.IntOr("original_max_position_embeddings", own, 2, kMostPositions));
  const double factor = most / static_cast<double>(original);
  const double magnitude = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original)));
  BANTAM_TRY(const double told, scaling.rope.NumberOr("attention_factor", magnitude, 0, kMostFactor));
  answer.options.magnitude = static_cast<float>(told);
  scaling.TakePlain();
  answer.long_options = answer.options;
  BANTAM_RETURN_IF_ERROR(DivideBy(scaling.rope, "short_factor", answer.options.frequencies));
  if (original >= most) return Ok();
  answer.original_positions = static_cast<int>(original);
  return DivideBy(scaling.rope, "long_factor", answer.long_options.frequencies);
}

}  // namespace

void AddRope(const RopeAnswer& rope, DecoderConfig& body) {
  body.ropes.push_back(rope.options);
  body.long_ropes.push_back(rope.original_positions > 0 ? rope.long_options : rope.options);
  if (rope.original_positions > 0) body.original_positions = rope.original_positions;
}

Result<RopeAnswer> ReadRope(const JsonObject& config, const RopeQuestion& question) {
  RopeAnswer answer{.options = {}, .max_positions = question.max_positions};
  std::optional<JsonObject> rope;  // where the way to stretch stands
  double theta = question.theta;
  if (IsObject(config, "rope_parameters")) {
    BANTAM_TRY(JsonObject parameters, config.Object("rope_parameters"));
    if (!question.layer_type.empty() && IsObject(parameters, question.layer_type)) {
      BANTAM_TRY(parameters, parameters.Object(question.layer_type));
    }
    BANTAM_TRY(theta, parameters.NumberOr("rope_theta", theta, 1, kMostTheta));
    rope = parameters;
  } else {
    BANTAM_TRY(theta, config.NumberOr(question.theta_key, theta, 1, kMostTheta));
    if (question.scaled && IsObject(config, "rope_scaling")) {
      BANTAM_TRY(const JsonObject scaling, config.Object("rope_scaling"));
      rope = scaling;
    }
  }
  answer.options.theta = theta;
  double share = question.rotary_share;
  BANTAM_TRY(share, config.NumberOr("rotary_pct", share, 0, 1));
  BANTAM_TRY(share, config.NumberOr("partial_rotary_factor", share, 0, 1));
  if (rope) {
    BANTAM_TRY(share, rope->NumberOr("partial_rotary_factor", share, 0, 1));
  }
  const int told = static_cast<int>(question.head_dim * share);
  BANTAM_TRY(const int64_t rotary_dim, config.IntOr("rotary_dim", told, 0, question.head_dim));
  answer.options.rotary_dim = static_cast<int>(rotary_dim);
  if (rotary_dim < 2 || rotary_dim % 2 != 0) {
    return Err(ErrorCode::kUnsupported, "{}: {} values of each head turn with the position; expected an even number",
               config.name(), rotary_dim);
  }
  BANTAM_TRY(const double magnitude, config.NumberOr("rope_magnitude", 1, 0, kMostFactor));  // of GGUF files
  answer.options.magnitude = static_cast<float>(magnitude);
  if (!rope) return answer;

  BANTAM_TRY(std::string type, rope->StringOr("type", "default"));
  BANTAM_TRY(type, rope->StringOr("rope_type", type));
  const Scaling scaling{config, *rope, question, answer, theta};
  if (type == "default" || type == "none") return answer;
  if (type == "linear") {
    BANTAM_RETURN_IF_ERROR(LinearRope(scaling));
  } else if (type == "llama3") {
    BANTAM_RETURN_IF_ERROR(Llama3(scaling));
  } else if (type == "yarn") {
    BANTAM_RETURN_IF_ERROR(Yarn(scaling));
  } else if (type == "longrope" || type == "su") {
    BANTAM_RETURN_IF_ERROR(LongRope(scaling));
  } else {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: default, linear, llama3, longrope, yarn",
               rope->Where("rope_type"), EscapeForTerminal(type));
  }
  return answer;
}

Status DivideFrequencies(WeightSource& source, std::string_view tensor, RopeOptions& options) {
  if (!source.Has(tensor)) return Ok();
  BANTAM_TRY(const TensorView view, source.Get(tensor, {options.rotary_dim / 2}));
  std::vector<float> factors(static_cast<size_t>(options.rotary_dim / 2));
  if (!IsReal(view.dtype)) {
    return Err(ErrorCode::kCorrupt, "weight \"{}\" is {}, expected floats", tensor, DTypeName(view.dtype));
  }
  CopyToF32(view, factors);
  if (options.frequencies.empty()) options.frequencies = RopeFrequencies(options.theta, options.rotary_dim);
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0) || !std::isfinite(factors[i])) {
      return Err(ErrorCode::kCorrupt, "weight \"{}\" holds {}", tensor, factors[i]);
    }
    options.frequencies[i] /= factors[i];
  }
  return Ok();
}

}  // namespace bantam
