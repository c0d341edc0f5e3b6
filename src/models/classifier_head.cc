#include "models/classifier_head.h"

#include <cmath>

#include "base/text_util.h"
#include "files/gguf_head.h"
#include "layers/pooling.h"
#include "models/config_reader.h"

namespace bantam {

// What each architecture puts between the hidden vectors and the labels. Names are those of the whole checkpoint.
struct ClassifierHead::Spec {
  std::string_view model_type;
  Kind kind;
  PoolingMode pooling;     // of a sequence
  std::string_view dense;  // "" for none; "?" before it: only where the file has it
  std::string_view activation;
  std::string_view norm;
  std::string_view out;
};

namespace {

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
    Result<std::string> label = names.String(std::to_string(i));
    if (!label) return Err(ErrorCode::kCorrupt, "{}", label.error().message);
    labels[i] = *std::move(label);
  }
  return labels;
}

Result<ClassifierHead::Problem> ReadProblem(const JsonObject& config) {
  using Problem = ClassifierHead::Problem;
  static constexpr std::pair<std::string_view, Problem> kNames[] = {
      {"", Problem::kNotTold},
      {"regression", Problem::kRegression},
      {"single_label_classification", Problem::kSingleLabel},
      {"multi_label_classification", Problem::kMultiLabel},
  };
  BANTAM_TRY(const std::string name, config.StringOr("problem_type", ""));
  for (const auto& [known, problem] : kNames) {
    if (known == name) return problem;
  }
  return Err(ErrorCode::kUnsupported,
             "{} is \"{}\"; known: regression, single_label_classification, multi_label_classification",
             config.Where("problem_type"), EscapeForTerminal(name));
}

}  // namespace

Result<std::unique_ptr<ClassifierHead>> ClassifierHead::Load(ModelFolder& model) {
  constexpr PoolingMode kFirst = PoolingMode::kCls;
  static constexpr Spec kSpecs[] = {
      {"bert", Kind::kSequence, kFirst, "bert.pooler.dense", "tanh", "", "classifier"},
      {"distilbert", Kind::kSequence, kFirst, "pre_classifier", "relu", "", "classifier"},
      {"roberta", Kind::kSequence, kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"camembert", Kind::kSequence, kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"xlm-roberta", Kind::kSequence, kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"electra", Kind::kSequence, kFirst, "classifier.dense", "gelu", "", "classifier.out_proj"},
      {"albert", Kind::kSequence, kFirst, "albert.pooler", "tanh", "", "classifier"},
      {"mpnet", Kind::kSequence, kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"mobilebert", Kind::kSequence, kFirst, "?mobilebert.pooler.dense", "tanh", "", "classifier"},
      {"deberta-v2", Kind::kSequence, kFirst, "pooler.dense", "pooler_hidden_act", "", "classifier"},
      {"modernbert", Kind::kSequence, kFirst, "head.dense", "classifier_activation", "head.norm", "classifier"},
      {"nomic_bert", Kind::kSequence, kFirst, "nomic_bert.pooler.dense", "tanh", "", "classifier"},
      {"qwen3", Kind::kSequence, PoolingMode::kLastToken, "", "", "", "score"},
      {"modernbert", Kind::kTokens, kFirst, "head.dense", "classifier_activation", "head.norm", "classifier"},
      {"qwen3", Kind::kTokens, kFirst, "", "", "", "score"},
      {"modernbert", Kind::kSpans, kFirst, "head.dense", "classifier_activation", "head.norm", "classifier"},
  };
  // In GGUF files the dense layer of BERT's pooler, and that of RoBERTa's head, are one thing under one name.
  static constexpr Spec kGgufSpecs[] = {
      {"bert", Kind::kSequence, kFirst, "classifier.dense", "tanh", "", "classifier.out_proj"},
      {"distilbert", Kind::kSequence, kFirst, "classifier.dense", "relu", "", "classifier.out_proj"},
      {"modernbert", Kind::kSequence, kFirst, "head.dense", "classifier_activation", "head.norm", "classifier"},
  };
  // What all the others have.
  static constexpr Spec kPlainTokens = {"", Kind::kTokens, kFirst, "", "", "", "classifier"};
  static constexpr Spec kPlainSpans = {"", Kind::kSpans, kFirst, "", "", "", "qa_outputs"};

  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  const std::string model_class = ModelClass(config);
  const Spec* spec = nullptr;
  Kind kind = Kind::kSequence;
  if (model_class.ends_with("ForTokenClassification")) {
    kind = Kind::kTokens;
    spec = &kPlainTokens;
  } else if (model_class.ends_with("ForQuestionAnswering")) {
    kind = Kind::kSpans;
    spec = &kPlainSpans;
  } else if (!model_class.ends_with("ForSequenceClassification")) {
    return std::unique_ptr<ClassifierHead>();
  }
  const bool gguf = model.gguf != nullptr;
  const auto bias =
      gguf && model.architecture != "modernbert" ? HeadReader::Bias::kRequired : HeadReader::Bias::kIfPresent;
  if (gguf) BANTAM_RETURN_IF_ERROR(CheckGgufHead(*model.gguf));
  for (const Spec& row : gguf ? std::span<const Spec>(kGgufSpecs) : std::span<const Spec>(kSpecs)) {
    if (row.model_type == model.architecture && row.kind == kind) spec = &row;
  }
  if (spec == nullptr) {
    return Err(ErrorCode::kUnsupported, "{} names {}, a head that is not known for \"{}\"",
               config.Where("architectures"), EscapeForTerminal(model_class), EscapeForTerminal(model.architecture));
  }

  HeadReader reader(*model.weights);
  std::unique_ptr<ClassifierHead> head(new ClassifierHead);
  BANTAM_TRY(head->kernels_, SelectKernels());
  head->kind_ = kind;
  head->pooling_ = spec->pooling;
  BANTAM_TRY(const int hidden,
             ReadSize(config, model.architecture == "distilbert" ? "dim" : "hidden_size", SizeLimits::kHidden));
  if (model.architecture == "modernbert" && kind == Kind::kSequence) {
    BANTAM_TRY(const std::string pooling, config.StringOr("classifier_pooling", "cls"));
    if (pooling == "mean") {
      head->pooling_ = PoolingMode::kMean;
    } else if (pooling != "cls") {
      return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: cls, mean", config.Where("classifier_pooling"),
                 EscapeForTerminal(pooling));
    }
  }
  int width = hidden;
  std::string_view dense = spec->dense;
  const bool optional = dense.starts_with('?');
  if (optional) dense.remove_prefix(1);
  if (!dense.empty() && (!optional || reader.HasLayer(dense))) {
    if (gguf) {
      BANTAM_TRY(head->dense_, reader.ReadDense(dense, width, width, WeightType::kF32, bias));
    } else {
      BANTAM_TRY(head->dense_, reader.ReadDense(dense, width));
    }
    width = head->dense_.out();
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
    BANTAM_TRY(const float epsilon, ReadEpsilon(config, "norm_eps", 1e-5));
    BANTAM_TRY(head->norm_, reader.ReadNorm(std::string(spec->norm), width, epsilon));
  }
  BANTAM_TRY(head->out_, reader.ReadDense(spec->out, width, WeightType::kF32, bias));
  if (kind == Kind::kSpans) {
    if (head->out_.out() != 2) {
      return Err(ErrorCode::kCorrupt, "weight \"{}.weight\" has {} rows, expected 2: where an answer begins and ends",
                 spec->out, head->out_.out());
    }
    head->labels_ = {"start", "end"};
    return head;
  }
  BANTAM_TRY(head->labels_, ReadLabels(config, head->out_.out()));
  BANTAM_TRY(head->problem_, ReadProblem(config));
  return head;
}

std::vector<float> ClassifierHead::Logits(std::span<const float> hidden) const {
  if (kind_ != Kind::kSequence) return FromRows(hidden);
  std::vector<float> pooled(static_cast<size_t>(hidden_size()));
  Pool(hidden, hidden_size(), pooling_, false, pooled);
  return FromRows(pooled);
}

std::vector<float> ClassifierHead::FromRows(std::span<const float> rows) const {
  if (dense_.empty()) return out_.Apply(*kernels_, rows);
  std::vector<float> x = dense_.Apply(*kernels_, rows, activation_);
  if (tanh_) {
    for (float& value : x) value = std::tanh(value);
  }
  norm_.Apply(*kernels_, x);
  return out_.Apply(*kernels_, x);
}

}  // namespace bantam
