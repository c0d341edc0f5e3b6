// A head as a safetensors file:
//
//   weight            F32 [labels, dimensions]     bias          F32 [labels]
//   input_scale       F32 [2, dimensions / 2]      mean, 1 / deviation of the middle layer's half (head_vectors.h); [2,
//   0]
//                                                  where the dimensions are the last layer's alone
//   prototypes        F32 [all, dimensions]        prototype_count I32 [labels], summing to `all`
//   out_of_scope_prototypes F32 [0 or more, dimensions]
//   out_of_scope      F64 [13]  mean 4, deviation 4, coefficients 4, intercept (out_of_scope.h)
//   discriminant      F32 [labels, dimensions + 2]  weights, bias, half norm (discriminant.h)
//   discriminant_spread     F32 [labels, labels]    both [0, 0] beyond the limits there
//   calibration       I32 [points, 2]  label, 1 if right         calibration_confidence F32 [points]
//   and of a head with early exits (early_exit.h):
//   exit_layers       I32 [exits]                  exit_scale    F32 [exits, 2, width]  mean, 1 / deviation
//   exit_weight       F32 [exits, labels, width]   exit_bias     F32 [exits, labels]   width: of one layer's vector
//   exit_scores       F64 [exits, 27]  temperature, scope 13, agreement 13
//   exit_levels       F64 [levels, 2]  certainty, disagreement
//   __metadata__      format, labels (a JSON array), and HeadMetadata as text
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "files/safetensors.h"
#include "learn/head.h"

namespace bantam {
namespace {

constexpr std::string_view kFormat = "bantam-intent-head-5";
constexpr int64_t kMaxLabels = 100'000, kMaxDimensions = 65'536;
constexpr size_t kScorerValues = 3 * std::tuple_size_v<ScopeFeatures> + 1;
constexpr size_t kExitScores = 1 + 2 * kScorerValues;
constexpr int64_t kMaxLayers = 1000;

template <typename T>
TensorView View(DType dtype, Shape shape, const std::vector<T>& values) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

void Append(const ScopeScorer& s, std::vector<double>& out) {
  for (const ScopeFeatures& part : {s.mean, s.deviation, s.logistic.coefficients}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  out.push_back(s.logistic.intercept);
}

// The other way round; false for values that no scorer has.
bool ReadValues(std::span<const double> v, ScopeScorer& s) {
  const auto part = [&](size_t at, ScopeFeatures& out) {
    std::copy_n(v.begin() + static_cast<std::ptrdiff_t>(at * out.size()), out.size(), out.begin());
  };
  part(0, s.mean);
  part(1, s.deviation);
  part(2, s.logistic.coefficients);
  s.logistic.intercept = v.back();
  return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); }) &&
         std::all_of(s.deviation.begin(), s.deviation.end(), [](double x) { return x > 0; });
}

std::string NumberText(double value) {
  std::string text;
  AppendJsonNumber(value, text);
  return text;
}

// The exits side by side, one tensor for each of their parts. Holds what the views point to.
struct ExitTensors {
  ExitTensors() = default;
  explicit ExitTensors(const ExitPlan& plan) {
    for (const ExitHead& exit : plan.heads) {
      layers.push_back(exit.layer);
      for (const auto* part : {&exit.scale.mean, &exit.scale.inverse_deviation})
        scale.insert(scale.end(), part->begin(), part->end());
      weight.insert(weight.end(), exit.model.weights.begin(), exit.model.weights.end());
      bias.insert(bias.end(), exit.model.bias.begin(), exit.model.bias.end());
      scores.push_back(exit.temperature);
      Append(exit.scope, scores);
      Append(exit.agreement, scores);
    }
    for (const ExitLevel& level : plan.levels) levels.insert(levels.end(), {level.certainty, level.disagreement});
  }
  void AddTo(int64_t labels, int64_t width, std::map<std::string, TensorView>& tensors) const {
    const auto exits = static_cast<int64_t>(layers.size());
    tensors.insert({{"exit_layers", View(DType::kI32, {exits}, layers)},
                    {"exit_scale", View(DType::kF32, {exits, 2, width}, scale)},
                    {"exit_weight", View(DType::kF32, {exits, labels, width}, weight)},
                    {"exit_bias", View(DType::kF32, {exits, labels}, bias)},
                    {"exit_scores", View(DType::kF64, {exits, int64_t{kExitScores}}, scores)},
                    {"exit_levels", View(DType::kF64, {static_cast<int64_t>(levels.size() / 2), 2}, levels)}});
  }
  std::vector<int32_t> layers;
  std::vector<float> scale, weight, bias;
  std::vector<double> scores, levels;
};

}  // namespace

class HeadFile {
 public:
  static std::string Serialize(const Head& head);
  static Result<Head> Load(const Path& path);

 private:
  HeadFile(const SafetensorsFile& file, std::string name) : file_(file), name_(std::move(name)) {}
  Result<Head> Read();
  Status ReadMetadata();
  Status ReadLabels();
  Status ReadModel();
  Status ReadPrototypes();
  Status ReadScorer();
  Status ReadDiscriminant();
  Status ReadCalibration();
  Status ReadExits();
  Status ReadExitLevels();

  Result<std::string> Text(const std::string& key);
  Result<double> Number(const std::string& key, double minimum, double maximum);
  Result<int> Count(const std::string& key);
  template <typename T>
  Result<std::vector<T>> Tensor(std::string_view tensor, DType dtype, const Shape& shape);
  Result<std::vector<float>> Finite(std::string_view tensor, const Shape& shape);

  const SafetensorsFile& file_;
  std::string name_;  // of the file, safe to print
  Head head_;
};

std::string HeadFile::Serialize(const Head& head) {
  const int64_t labels = head.model_.num_labels, dimensions = head.model_.dimensions;
  std::vector<int32_t> counts(head.prototypes_.count.begin(), head.prototypes_.count.end());
  std::vector<double> scorer;
  Append(head.scorer_, scorer);
  const VectorScale& middle = head.input_.middle;
  std::vector<float> input_scale = middle.mean;
  input_scale.insert(input_scale.end(), middle.inverse_deviation.begin(), middle.inverse_deviation.end());
  const bool explained = !head.discriminant_.empty();
  std::vector<float> discriminant;
  for (size_t c = 0; c < head.discriminant_.half_norms.size(); ++c) {
    const auto weights = std::span(head.discriminant_.scores.weights).subspan(c * dimensions, dimensions);
    discriminant.insert(discriminant.end(), weights.begin(), weights.end());
    discriminant.insert(discriminant.end(), {head.discriminant_.scores.bias[c], head.discriminant_.half_norms[c]});
  }
  std::vector<int32_t> calibration;
  std::vector<float> confidence;
  for (const CalibrationPoint& point : head.calibration_) {
    calibration.insert(calibration.end(), {point.label, point.right ? 1 : 0});
    confidence.push_back(point.confidence);
  }
  const auto points = static_cast<int64_t>(confidence.size());
  const int64_t all = static_cast<int64_t>(head.prototypes_.vectors.size()) / dimensions;
  const int64_t strangers = static_cast<int64_t>(head.out_of_scope_prototypes_.vectors.size()) / dimensions;
  json::array names;
  for (const std::string& label : head.labels_) names.emplace_back(label);
  const HeadMetadata& m = head.metadata_;
  std::map<std::string, TensorView> tensors = {
      {"weight", View(DType::kF32, {labels, dimensions}, head.model_.weights)},
      {"bias", View(DType::kF32, {labels}, head.model_.bias)},
      {"input_scale", View(DType::kF32, {2, static_cast<int64_t>(middle.mean.size())}, input_scale)},
      {"prototypes", View(DType::kF32, {all, dimensions}, head.prototypes_.vectors)},
      {"prototype_count", View(DType::kI32, {labels}, counts)},
      {"out_of_scope_prototypes", View(DType::kF32, {strangers, dimensions}, head.out_of_scope_prototypes_.vectors)},
      {"out_of_scope", View(DType::kF64, {int64_t{kScorerValues}}, scorer)},
      {"discriminant", View(DType::kF32, explained ? Shape{labels, dimensions + 2} : Shape{0, 0}, discriminant)},
      {"discriminant_spread",
       View(DType::kF32, explained ? Shape{labels, labels} : Shape{0, 0}, head.discriminant_.spread)},
      {"calibration", View(DType::kI32, {points, 2}, calibration)},
      {"calibration_confidence", View(DType::kF32, {points}, confidence)}};
  std::map<std::string, std::string> metadata = {{"format", std::string(kFormat)},
                                                 {"labels", ToJson(names)},
                                                 {"model", m.encoder.model},
                                                 {"weights_sha256", m.encoder.weights_sha256},
                                                 {"weight_type", m.encoder.weight_type},
                                                 {"examples_sha256", m.examples_sha256},
                                                 {"temperature", NumberText(m.temperature)},
                                                 {"threshold", NumberText(m.threshold)},
                                                 {"set_probability", NumberText(m.set_probability)},
                                                 {"out_of_scope_share", NumberText(m.out_of_scope_share)},
                                                 {"inverse_regularization", NumberText(m.inverse_regularization)},
                                                 {"num_examples", std::to_string(m.num_examples)},
                                                 {"num_out_of_scope", std::to_string(m.num_out_of_scope)}};
  ExitTensors exits;
  if (!head.exits_.heads.empty()) {
    exits = ExitTensors(head.exits_);
    exits.AddTo(labels, dimensions / m.encoder.num_vectors, tensors);
    metadata["num_layers"] = std::to_string(head.exits_.num_layers);
  }
  if (m.max_disagreement > 0) metadata["max_disagreement"] = NumberText(m.max_disagreement);
  return SerializeSafetensors(tensors, metadata);
}

Result<std::string> HeadFile::Text(const std::string& key) {
  const auto at = file_.metadata().find(key);
  if (at == file_.metadata().end()) {
    return Err(ErrorCode::kCorrupt, "{}: no \"{}\" in the metadata; train the head again", name_, key);
  }
  return at->second;
}

Result<double> HeadFile::Number(const std::string& key, double minimum, double maximum) {
  BANTAM_TRY(const std::string text, Text(key));
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= minimum && value <= maximum)) {
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" is \"{}\", expected a number from {} to {}", name_, key,
               EscapeForTerminal(text, 40), minimum, maximum);
  }
  return value;
}

Result<int> HeadFile::Count(const std::string& key) {
  BANTAM_TRY(const double value, Number(key, 0, 2e9));
  if (value != std::floor(value))
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" is {}, expected an integer", name_, key, value);
  return static_cast<int>(value);
}

template <typename T>
Result<std::vector<T>> HeadFile::Tensor(std::string_view tensor, DType dtype, const Shape& shape) {
  const TensorView* view = file_.Find(tensor);
  if (view == nullptr) return Err(ErrorCode::kCorrupt, "{}: no tensor \"{}\"; train the head again", name_, tensor);
  if (view->dtype != dtype || view->shape != shape) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"{}\" is {} {}, expected {} {}", name_, tensor, DTypeName(view->dtype),
               ShapeString(view->shape), DTypeName(dtype), ShapeString(shape));
  }
  std::vector<T> values(view->bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

Result<std::vector<float>> HeadFile::Finite(std::string_view tensor, const Shape& shape) {
  BANTAM_TRY(std::vector<float> values, Tensor<float>(tensor, DType::kF32, shape));
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end()) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"{}\" holds {} at {}", name_, tensor, *bad, bad - values.begin());
  }
  return values;
}

Status HeadFile::ReadMetadata() {
  BANTAM_TRY(const std::string format, Text("format"));
  if (format != kFormat) {
    return Err(ErrorCode::kUnsupported, "{}: the format is \"{}\", this version reads \"{}\"; train the head again",
               name_, EscapeForTerminal(format, 40), kFormat);
  }
  HeadMetadata& m = head_.metadata_;
  BANTAM_TRY(m.encoder.model, Text("model"));
  BANTAM_TRY(m.encoder.weights_sha256, Text("weights_sha256"));
  BANTAM_TRY(m.encoder.weight_type, Text("weight_type"));
  BANTAM_TRY(m.examples_sha256, Text("examples_sha256"));
  BANTAM_TRY(m.temperature, Number("temperature", 1e-3, 1e3));
  BANTAM_TRY(m.threshold, Number("threshold", 0, 1));
  BANTAM_TRY(m.set_probability, Number("set_probability", 0, 1));
  BANTAM_TRY(m.out_of_scope_share, Number("out_of_scope_share", 0, 1));
  BANTAM_TRY(m.inverse_regularization, Number("inverse_regularization", 0, 1e300));
  BANTAM_TRY(m.num_examples, Count("num_examples"));
  BANTAM_TRY(m.num_out_of_scope, Count("num_out_of_scope"));
  return Ok();
}

Status HeadFile::ReadLabels() {
  BANTAM_TRY(const std::string text, Text("labels"));
  BANTAM_TRY(const json::value parsed, ParseJson(text, name_ + ": \"labels\""));
  if (!parsed.is_array() || parsed.get_array().size() < 2 || parsed.get_array().size() > size_t{kMaxLabels}) {
    return Err(ErrorCode::kCorrupt, "{}: \"labels\" is not a JSON array of 2 to {} strings", name_, kMaxLabels);
  }
  for (const json::value& label : parsed.get_array()) {
    if (!label.is_string() || label.get_string().empty() || label.get_string() == kOutOfScopeLabel) {
      return Err(ErrorCode::kCorrupt, "{}: \"labels\" holds {}, expected names of routes", name_,
                 EscapeForTerminal(ToJson(label), 40));
    }
    head_.labels_.emplace_back(label.get_string());
  }
  // Strictly ascending: sorted, and no label twice.
  const auto wrong = std::adjacent_find(head_.labels_.begin(), head_.labels_.end(), std::greater_equal<>());
  if (wrong != head_.labels_.end()) {
    return Err(ErrorCode::kCorrupt, "{}: \"labels\" is not sorted after \"{}\"", name_, EscapeForTerminal(*wrong, 40));
  }
  return Ok();
}

Status HeadFile::ReadModel() {
  const TensorView* weight = file_.Find("weight");
  if (weight == nullptr) return Err(ErrorCode::kCorrupt, "{}: no tensor \"weight\"; train the head again", name_);
  const auto labels = static_cast<int64_t>(head_.labels_.size());
  const int64_t dimensions = weight->shape.size() == 2 ? weight->shape[1] : 0;
  if (weight->shape.size() != 2 || weight->shape[0] != labels || dimensions < 1 || dimensions > kMaxDimensions) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"weight\" is {}, expected [{}, 1 to {}]", name_,
               ShapeString(weight->shape), labels, kMaxDimensions);
  }
  head_.model_.num_labels = static_cast<int>(labels);
  head_.model_.dimensions = static_cast<int>(dimensions);
  BANTAM_TRY(head_.model_.weights, Finite("weight", {labels, dimensions}));
  BANTAM_TRY(head_.model_.bias, Finite("bias", {labels}));
  const TensorView* scale = file_.Find("input_scale");
  const bool alone = scale != nullptr && scale->shape == Shape{2, 0};
  const int64_t width = alone ? 0 : dimensions / 2;
  BANTAM_TRY(const std::vector<float> values, Finite("input_scale", {2, width}));
  if (width * 2 != (alone ? 0 : dimensions)) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"input_scale\" is {}, for half of {} dimensions", name_,
               ShapeString(scale->shape), dimensions);
  }
  head_.input_.middle = {{values.begin(), values.begin() + width}, {values.begin() + width, values.end()}};
  head_.metadata_.encoder.num_vectors = alone ? 1 : 2;
  return Ok();
}

Status HeadFile::ReadPrototypes() {
  BANTAM_TRY(const std::vector<int32_t> counts,
             Tensor<int32_t>("prototype_count", DType::kI32, {head_.model_.num_labels}));
  int64_t all = 0;
  for (const int32_t count : counts) {
    if (count < 0 || count > Prototypes::kPerLabel) {
      return Err(ErrorCode::kCorrupt, "{}: tensor \"prototype_count\" holds {}, expected 0 to {}", name_, count,
                 Prototypes::kPerLabel);
    }
    all += count;
  }
  head_.prototypes_.dimensions = head_.model_.dimensions;
  head_.prototypes_.count.assign(counts.begin(), counts.end());
  BANTAM_TRY(head_.prototypes_.vectors, Finite("prototypes", {all, head_.model_.dimensions}));

  constexpr std::string_view kStrangers = "out_of_scope_prototypes";
  const TensorView* view = file_.Find(kStrangers);
  const int64_t strangers = view != nullptr && view->shape.size() == 2 ? view->shape[0] : 0;
  if (strangers > Prototypes::kOutOfScope) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"{}\" is {}, expected at most {} rows", name_, kStrangers,
               ShapeString(view->shape), Prototypes::kOutOfScope);
  }
  head_.out_of_scope_prototypes_.dimensions = head_.model_.dimensions;
  head_.out_of_scope_prototypes_.count = {static_cast<int>(strangers)};
  BANTAM_TRY(head_.out_of_scope_prototypes_.vectors, Finite(kStrangers, {strangers, head_.model_.dimensions}));
  return Ok();
}

Status HeadFile::ReadScorer() {
  BANTAM_TRY(const std::vector<double> v, Tensor<double>("out_of_scope", DType::kF64, {int64_t{kScorerValues}}));
  if (!ReadValues(v, head_.scorer_)) {
    return Err(ErrorCode::kCorrupt,
               "{}: tensor \"out_of_scope\" holds a value that is not finite, or a deviation not above 0", name_);
  }
  return Ok();
}

Status HeadFile::ReadDiscriminant() {
  const int64_t labels = head_.model_.num_labels, dimensions = head_.model_.dimensions;
  if (labels > Discriminant::kMostLabels || dimensions > Discriminant::kMostDimensions) {
    BANTAM_RETURN_IF_ERROR(Finite("discriminant", {0, 0}));
    BANTAM_RETURN_IF_ERROR(Finite("discriminant_spread", {0, 0}));
    return Ok();
  }
  BANTAM_TRY(const std::vector<float> values, Finite("discriminant", {labels, dimensions + 2}));
  Discriminant& discriminant = head_.discriminant_;
  discriminant.scores.num_labels = static_cast<int>(labels);
  discriminant.scores.dimensions = static_cast<int>(dimensions);
  for (auto row = values.begin(); row != values.end(); row += dimensions + 2) {
    discriminant.scores.weights.insert(discriminant.scores.weights.end(), row, row + dimensions);
    discriminant.scores.bias.push_back(row[dimensions]);
    discriminant.half_norms.push_back(row[dimensions + 1]);
  }
  BANTAM_TRY(discriminant.spread, Finite("discriminant_spread", {labels, labels}));
  return Ok();
}

Status HeadFile::ReadCalibration() {
  const TensorView* view = file_.Find("calibration_confidence");
  const int64_t points = view != nullptr && view->shape.size() == 1 ? view->shape[0] : 0;
  BANTAM_TRY(const std::vector<float> confidence, Finite("calibration_confidence", {points}));
  BANTAM_TRY(const std::vector<int32_t> outcomes, Tensor<int32_t>("calibration", DType::kI32, {points, 2}));
  for (size_t i = 0; i < confidence.size(); ++i) {
    const int32_t label = outcomes[2 * i], right = outcomes[2 * i + 1];
    if (label < 0 || label >= head_.model_.num_labels || (right != 0 && right != 1)) {
      return Err(ErrorCode::kCorrupt,
                 "{}: tensor \"calibration\" holds {}, {} at {}, expected a label below {} and 0 or 1", name_, label,
                 right, i, head_.model_.num_labels);
    }
    head_.calibration_.push_back({label, confidence[i], right == 1});
  }
  return Ok();
}

Status HeadFile::ReadExits() {
  if (file_.metadata().contains("max_disagreement")) {
    BANTAM_TRY(head_.metadata_.max_disagreement, Number("max_disagreement", 0, 1));
  }
  const TensorView* view = file_.Find("exit_layers");
  if (view == nullptr) return Ok();
  BANTAM_TRY(const int num_layers, Count("num_layers"));
  const int64_t exits = view->shape.size() == 1 ? view->shape[0] : 0;
  if (exits < 1 || exits > kMaxLayers) {
    return Err(ErrorCode::kCorrupt, "{}: tensor \"exit_layers\" is {}, expected [1 to {}]", name_,
               ShapeString(view->shape), kMaxLayers);
  }
  BANTAM_TRY(const std::vector<int32_t> layers, Tensor<int32_t>("exit_layers", DType::kI32, {exits}));
  const int64_t labels = head_.model_.num_labels;
  const int64_t width = head_.model_.dimensions / head_.metadata_.encoder.num_vectors;
  BANTAM_TRY(const std::vector<float> scale, Finite("exit_scale", {exits, 2, width}));
  BANTAM_TRY(const std::vector<float> weight, Finite("exit_weight", {exits, labels, width}));
  BANTAM_TRY(const std::vector<float> bias, Finite("exit_bias", {exits, labels}));
  BANTAM_TRY(const std::vector<double> scores,
             Tensor<double>("exit_scores", DType::kF64, {exits, int64_t{kExitScores}}));
  const auto share = [](const auto& all, int64_t part, int64_t size) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(part * size);
    return std::vector(begin, begin + static_cast<std::ptrdiff_t>(size));
  };
  head_.exits_.num_layers = num_layers;
  for (int64_t i = 0; i < exits; ++i) {
    ExitHead exit;
    exit.layer = layers[static_cast<size_t>(i)];
    const int before = i == 0 ? 0 : layers[static_cast<size_t>(i - 1)];
    if (exit.layer <= before || exit.layer >= num_layers) {
      return Err(ErrorCode::kCorrupt,
                 "{}: tensor \"exit_layers\" holds {} after {}, expected ascending layers below {}", name_, exit.layer,
                 before, num_layers);
    }
    exit.scale = {share(scale, 2 * i, width), share(scale, 2 * i + 1, width)};
    exit.model = {static_cast<int>(labels), static_cast<int>(width), share(weight, i, labels * width),
                  share(bias, i, labels)};
    const std::vector<double> own = share(scores, i, kExitScores);
    exit.temperature = own[0];
    const std::span<const double> scorers = std::span(own).subspan(1);
    if (!(exit.temperature >= 1e-3 && exit.temperature <= 1e3) ||
        !ReadValues(scorers.first(kScorerValues), exit.scope) ||
        !ReadValues(scorers.last(kScorerValues), exit.agreement)) {
      return Err(ErrorCode::kCorrupt, "{}: tensor \"exit_scores\" holds values of no exit in row {}", name_, i);
    }
    head_.exits_.heads.push_back(std::move(exit));
  }
  return ReadExitLevels();
}

Status HeadFile::ReadExitLevels() {
  const TensorView* view = file_.Find("exit_levels");
  const int64_t count = view != nullptr && view->shape.size() == 2 ? view->shape[0] : 0;
  BANTAM_TRY(const std::vector<double> values, Tensor<double>("exit_levels", DType::kF64, {count, 2}));
  ExitLevel before{1, 0};
  for (size_t i = 0; i < values.size(); i += 2) {
    const ExitLevel level{values[i], values[i + 1]};
    // From certain to less certain, at no smaller a risk.
    if (!(level.certainty > 0 && level.certainty < before.certainty && level.disagreement >= before.disagreement &&
          level.disagreement <= 1)) {
      return Err(ErrorCode::kCorrupt, "{}: tensor \"exit_levels\" is out of order at row {}", name_, i / 2);
    }
    head_.exits_.levels.push_back(level);
    before = level;
  }
  return Ok();
}

Result<Head> HeadFile::Read() {
  BANTAM_RETURN_IF_ERROR(ReadMetadata());
  BANTAM_RETURN_IF_ERROR(ReadLabels());
  BANTAM_RETURN_IF_ERROR(ReadModel());
  BANTAM_RETURN_IF_ERROR(ReadPrototypes());
  BANTAM_RETURN_IF_ERROR(ReadScorer());
  BANTAM_RETURN_IF_ERROR(ReadDiscriminant());
  BANTAM_RETURN_IF_ERROR(ReadCalibration());
  BANTAM_RETURN_IF_ERROR(ReadExits());
  const size_t expected = head_.exits_.heads.empty() ? 11 : 17;
  if (file_.tensors().size() != expected) {
    return Err(
        ErrorCode::kCorrupt,
        "{}: {} tensors, expected {}: weight, bias, input_scale, prototypes, prototype_count, out_of_scope_prototypes, "
        "out_of_scope, discriminant, discriminant_spread, calibration, calibration_confidence{}",
        name_, file_.tensors().size(), expected,
        head_.exits_.heads.empty() ? ""
                                   : ", exit_layers, exit_scale, exit_weight, exit_bias, exit_scores, exit_levels");
  }
  return std::move(head_);
}

Result<Head> HeadFile::Load(const Path& path) {
  BANTAM_TRY(const auto file, SafetensorsFile::Open(path));
  return HeadFile(*file, EscapeForTerminal(path.string(), 400)).Read();
}

Result<Head> Head::Load(const Path& path) { return HeadFile::Load(path); }
std::string Head::Serialize() const { return HeadFile::Serialize(*this); }
std::string Head::Sha256() const { return Sha256Hex(Serialize()); }
Status Head::Save(const Path& path) const { return WriteFileAtomic(path, Serialize()); }

}  // namespace bantam
