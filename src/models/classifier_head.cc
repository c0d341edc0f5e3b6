#include "models/classifier_head.h"

#include <cmath>

#include "base/text_util.h"
#include "kernels/packing.h"
#include "models/config_reader.h"

namespace bantam {

// What each architecture puts between the hidden vectors and the labels. Names are those of the whole checkpoint.
struct ClassifierHead::Spec {
  std::string_view model_type;
  Kind kind;
  Pooling pooling;
  std::string_view dense;  // "" for none; "?" before it: only where the file has it
  std::string_view activation;
  std::string_view norm;
  std::string_view out;
};

namespace {

constexpr int kMaxLabels = 100'000;

Result<TensorView> GetFloats(WeightSource& weights, const std::string& name, const Shape& shape) {
  BANTAM_TRY(TensorView view, weights.Get(name, shape));
  if (view.dtype == DType::kF32 || view.dtype == DType::kF16 || view.dtype == DType::kBF16) return view;
  return Err(ErrorCode::kUnsupported, "weight \"{}\" is {}, expected F32, F16 or BF16", EscapeForTerminal(name),
             DTypeName(view.dtype));
}

// "BertForTokenClassification" ends in the kind of its head.
std::string ModelClass(const JsonObject& config) {
  const json::value* list = config.Find("architectures");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) return "";
  const json::value& first = list->get_array()[0];
  return first.is_string() ? std::string(first.get_string()) : "";
}

Result<std::vector<std::string>> ReadLabels(const JsonObject& config, int count) {
  std::vector<std::string> labels;
  for (int i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  const json::value* present = config.Find("id2label");
  if (present == nullptr || present->is_null()) return labels;
  BANTAM_TRY(const JsonObject names, config.Object("id2label"));
  if (names.raw().size() != labels.size()) {
    return Err(ErrorCode::kCorrupt, "{} has {} labels, the classifier's weights {}", config.Where("id2label"),
               names.raw().size(), count);
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    BANTAM_TRY(labels[i], names.String(std::to_string(i)));
  }
  return labels;
}

}  // namespace

class ClassifierHead::Reader {
 public:
  explicit Reader(ModelFolder& model) : weights_(*model.weights) {}

  bool Has(std::string_view name) const { return weights_.Has(std::string(name) + ".weight"); }

  // NAME.weight [out, in]; what config.json does not say, the tensor's own shape does. A bias where there is one.
  Result<Dense> ReadDense(std::string_view dense_name, int in) {
    const std::string name(dense_name), weight_name = name + ".weight";
    const TensorView* view = weights_.Find(weight_name);
    const int64_t rows = view == nullptr || view->shape.empty() ? 1 : view->shape[0];
    if (rows < 1 || rows > kMaxLabels) {
      return Err(ErrorCode::kCorrupt, "weight \"{}\" is {}, expected 1 to {} rows", EscapeForTerminal(weight_name),
                 ShapeString(view->shape), kMaxLabels);
    }
    Dense dense{.in = in, .out = static_cast<int>(rows)};
    BANTAM_TRY(const TensorView matrix, GetFloats(weights_, weight_name, {rows, in}));
    std::vector<float> values(static_cast<size_t>(NumElements(matrix.shape)));
    CopyToF32(matrix, values);
    dense.packed.resize(PackedF32Size(dense.out, in));
    PackF32(values, dense.out, in, dense.packed);
    dense.bias.resize(static_cast<size_t>(PaddedColumns(dense.out)));
    if (weights_.Has(name + ".bias")) {
      BANTAM_TRY(const TensorView bias, GetFloats(weights_, name + ".bias", {rows}));
      CopyToF32(bias, std::span(dense.bias).first(static_cast<size_t>(rows)));
    }
    return dense;
  }

  Result<std::vector<float>> ReadVector(const std::string& name, int size) {
    BANTAM_TRY(const TensorView view, GetFloats(weights_, name, {size}));
    std::vector<float> values(static_cast<size_t>(size));
    CopyToF32(view, values);
    return values;
  }

  bool HasTensor(const std::string& name) const { return weights_.Has(name); }

 private:
  WeightSource& weights_;
};

Linear ClassifierHead::Dense::linear() const {
  return {.in_features = in, .out_features = out, .bias = bias.data(), .packed_f32 = packed.data()};
}

Result<std::unique_ptr<ClassifierHead>> ClassifierHead::Load(ModelFolder& model) {
  static constexpr Spec kSpecs[] = {
      {"bert", Kind::kSequence, Pooling::kFirst, "bert.pooler.dense", "tanh", "", "classifier"},
      {"distilbert", Kind::kSequence, Pooling::kFirst, "pre_classifier", "relu", "", "classifier"},
      {"roberta", Kind::kSequence, Pooling::kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"camembert", Kind::kSequence, Pooling::kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"xlm-roberta", Kind::kSequence, Pooling::kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"electra", Kind::kSequence, Pooling::kFirst, "classifier.dense", "gelu", "", "classifier.out_proj"},
      {"albert", Kind::kSequence, Pooling::kFirst, "albert.pooler", "tanh", "", "classifier"},
      {"mpnet", Kind::kSequence, Pooling::kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"mobilebert", Kind::kSequence, Pooling::kFirst, "?mobilebert.pooler.dense", "tanh", "", "classifier"},
      {"deberta-v2", Kind::kSequence, Pooling::kFirst, "pooler.dense", "pooler_hidden_act", "", "classifier"},
      {"modernbert", Kind::kSequence, Pooling::kFirst, "head.dense", "classifier_activation", "head.norm",
       "classifier"},
      {"qwen3", Kind::kSequence, Pooling::kLast, "", "", "", "score"},
      {"modernbert", Kind::kTokens, Pooling::kNone, "head.dense", "classifier_activation", "head.norm", "classifier"},
      {"qwen3", Kind::kTokens, Pooling::kNone, "", "", "", "score"},
  };
  static constexpr Spec kPlainTokens = {"", Kind::kTokens, Pooling::kNone, "", "", "", "classifier"};

  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  const std::string model_class = ModelClass(config);
  const bool tokens = model_class.ends_with("ForTokenClassification");
  if (!tokens && !model_class.ends_with("ForSequenceClassification")) return std::unique_ptr<ClassifierHead>();
  const Kind kind = tokens ? Kind::kTokens : Kind::kSequence;
  const Spec* spec = tokens ? &kPlainTokens : nullptr;
  for (const Spec& row : kSpecs) {
    if (row.model_type == model.architecture && row.kind == kind) spec = &row;
  }
  if (spec == nullptr) {
    return Err(ErrorCode::kUnsupported, "{} names {}, a head that is not known for \"{}\"",
               config.Where("architectures"), EscapeForTerminal(model_class), EscapeForTerminal(model.architecture));
  }

  Reader reader(model);
  std::unique_ptr<ClassifierHead> head(new ClassifierHead);
  BANTAM_TRY(head->kernels_, SelectKernels());
  head->kind_ = kind;
  head->pooling_ = spec->pooling;
  BANTAM_TRY(const int hidden,
             ReadSize(config, model.architecture == "distilbert" ? "dim" : "hidden_size", SizeLimits::kHidden));
  if (model.architecture == "modernbert" && kind == Kind::kSequence) {
    BANTAM_TRY(const std::string pooling, config.StringOr("classifier_pooling", "cls"));
    if (pooling == "mean") {
      head->pooling_ = Pooling::kMean;
    } else if (pooling != "cls") {
      return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: cls, mean", config.Where("classifier_pooling"),
                 EscapeForTerminal(pooling));
    }
  }
  int width = hidden;
  std::string_view dense = spec->dense;
  const bool optional = dense.starts_with('?');
  if (optional) dense.remove_prefix(1);
  if (!dense.empty() && (!optional || reader.Has(dense))) {
    head->has_dense_ = true;
    BANTAM_TRY(head->dense_, reader.ReadDense(dense, width));
    width = head->dense_.out;
    if (spec->activation == "tanh") {
      head->tanh_ = true;
    } else if (spec->activation == "relu") {
      head->activation_ = kActivationRelu;
    } else if (spec->activation == "gelu") {
      head->activation_ = kActivationGelu;
    } else {
      BANTAM_TRY(head->activation_, ReadActivation(config, spec->activation, "gelu"));
    }
  }
  if (!spec->norm.empty()) {
    const std::string norm(spec->norm);
    BANTAM_TRY(head->norm_gamma_, reader.ReadVector(norm + ".weight", width));
    head->norm_beta_.resize(head->norm_gamma_.size());
    if (reader.HasTensor(norm + ".bias")) {
      BANTAM_TRY(head->norm_beta_, reader.ReadVector(norm + ".bias", width));
    }
    BANTAM_TRY(head->norm_eps_, ReadEpsilon(config, "norm_eps", 1e-5));
  }
  BANTAM_TRY(head->out_, reader.ReadDense(spec->out, width));
  BANTAM_TRY(head->labels_, ReadLabels(config, head->out_.out));
  BANTAM_TRY(const std::string problem, config.StringOr("problem_type", ""));
  head->multi_label_ = problem == "multi_label_classification";
  return head;
}

std::vector<float> ClassifierHead::Apply(const Dense& dense, std::vector<float> x, Activation activation) const {
  const int num_rows = static_cast<int>(x.size()) / dense.in;
  std::vector<float> out(static_cast<size_t>(num_rows) * static_cast<size_t>(dense.out));
  ApplyLinear(*kernels_, dense.linear(), {.values = x.data(), .stride = dense.in},
              {.values = out.data(), .stride = dense.out}, num_rows, {.activation = activation});
  return out;
}

std::vector<float> ClassifierHead::Logits(std::span<const float> hidden) const {
  const auto width = static_cast<size_t>(has_dense_ ? dense_.in : out_.in);
  std::vector<float> x;
  switch (pooling_) {
    case Pooling::kNone:
      x.assign(hidden.begin(), hidden.end());
      break;
    case Pooling::kFirst:
      x.assign(hidden.begin(), hidden.begin() + static_cast<ptrdiff_t>(width));
      break;
    case Pooling::kLast:
      x.assign(hidden.end() - static_cast<ptrdiff_t>(width), hidden.end());
      break;
    case Pooling::kMean:
      x.resize(width);
      for (size_t i = 0; i < hidden.size(); ++i) x[i % width] += hidden[i];
      for (float& value : x) value /= static_cast<float>(hidden.size() / width);
      break;
  }
  if (has_dense_) {
    x = Apply(dense_, std::move(x), activation_);
    if (tanh_) {
      for (float& value : x) value = std::tanh(value);
    }
  }
  if (!norm_gamma_.empty()) {
    const int columns = static_cast<int>(norm_gamma_.size());
    const LayerNorm norm{.size = columns, .gamma = norm_gamma_.data(), .beta = norm_beta_.data(), .epsilon = norm_eps_};
    const Activations rows{.values = x.data(), .stride = columns};
    ApplyLayerNorm(*kernels_, norm, rows, rows, static_cast<int>(x.size()) / columns);
  }
  return Apply(out_, std::move(x), kActivationNone);
}

}  // namespace bantam
