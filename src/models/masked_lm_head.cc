#include "models/masked_lm_head.h"

#include <algorithm>

#include "base/text_util.h"
#include "models/config_reader.h"
#include "models/weight_reader.h"

namespace bantam {
namespace {

// What each architecture calls the parts of its head: act(dense(hidden)), a norm, and the decoder with its bias.
struct Spec {
  std::string_view model_type;
  std::string_view dense;
  std::string_view activation;  // a key of config.json; "=gelu" where that is not asked
  std::string_view norm;
  std::string_view epsilon_key;  // "" for 1e-12
  double epsilon;                // where the config does not say
  std::string_view decoder;      // where it is not tied
  std::string_view table;        // the word embeddings, where it is
  std::string_view bias;
};

constexpr Spec kSpecs[] = {
    {"bert", "cls.predictions.transform.dense", "hidden_act", "cls.predictions.transform.LayerNorm", "layer_norm_eps",
     1e-12, "cls.predictions.decoder", "bert.embeddings.word_embeddings", "cls.predictions.bias"},
    {"distilbert", "vocab_transform", "activation", "vocab_layer_norm", "", 1e-12, "vocab_projector",
     "distilbert.embeddings.word_embeddings", "vocab_projector.bias"},
    {"roberta", "lm_head.dense", "=gelu", "lm_head.layer_norm", "layer_norm_eps", 1e-12, "lm_head.decoder",
     "roberta.embeddings.word_embeddings", "lm_head.bias"},
    {"camembert", "lm_head.dense", "=gelu", "lm_head.layer_norm", "layer_norm_eps", 1e-12, "lm_head.decoder",
     "roberta.embeddings.word_embeddings", "lm_head.bias"},
    {"xlm-roberta", "lm_head.dense", "=gelu", "lm_head.layer_norm", "layer_norm_eps", 1e-12, "lm_head.decoder",
     "roberta.embeddings.word_embeddings", "lm_head.bias"},
    {"electra", "generator_predictions.dense", "=gelu", "generator_predictions.LayerNorm", "layer_norm_eps", 1e-12,
     "generator_lm_head", "electra.embeddings.word_embeddings", "generator_lm_head.bias"},
    {"albert", "predictions.dense", "hidden_act", "predictions.LayerNorm", "layer_norm_eps", 1e-12,
     "predictions.decoder", "albert.embeddings.word_embeddings", "predictions.bias"},
    {"mpnet", "lm_head.dense", "=gelu", "lm_head.layer_norm", "layer_norm_eps", 1e-12, "lm_head.decoder",
     "mpnet.embeddings.word_embeddings", "lm_head.bias"},
    {"mobilebert", "cls.predictions.transform.dense", "hidden_act", "cls.predictions.transform.LayerNorm",
     "layer_norm_eps", 1e-12, "cls.predictions.decoder", "mobilebert.embeddings.word_embeddings",
     "cls.predictions.bias"},
    {"deberta-v2", "cls.predictions.transform.dense", "hidden_act", "cls.predictions.transform.LayerNorm",
     "layer_norm_eps", 1e-7, "cls.predictions.decoder", "deberta.embeddings.word_embeddings", "cls.predictions.bias"},
    {"modernbert", "head.dense", "classifier_activation", "head.norm", "norm_eps", 1e-5, "decoder",
     "model.embeddings.tok_embeddings", "decoder.bias"},
    {"nomic_bert", "cls.predictions.transform.dense", "hidden_act", "cls.predictions.transform.layer_norm",
     "layer_norm_eps", 1e-12, "cls.predictions.decoder", "nomic_bert.embeddings.word_embeddings",
     "cls.predictions.bias"},
};

// DeBERTa v3 as it was pre-trained ("legacy": false).
constexpr Spec kDebertaV3 = {"deberta-v2",
                             "lm_predictions.lm_head.dense",
                             "hidden_act",
                             "lm_predictions.lm_head.LayerNorm",
                             "layer_norm_eps",
                             1e-7,
                             "deberta.embeddings.word_embeddings",
                             "deberta.embeddings.word_embeddings",
                             "lm_predictions.lm_head.bias"};

bool NamesHead(std::string_view model_class) {
  if (model_class.ends_with("ForMaskedLM")) return true;
  // ELECTRA's ForPreTraining is its discriminator, which has no such head.
  return model_class == "BertForPreTraining" || model_class == "MobileBertForPreTraining" ||
         model_class == "AlbertForPreTraining";
}

// The word table [vocab, width] as floats, whatever it is stored as.
Result<std::vector<float>> ReadTable(ModelFolder& model, const std::string& name, int vocab, int width) {
  const std::string place = EscapeForTerminal((model.path / "config.json").string(), 400);
  BANTAM_TRY(WeightPlan plan, ReadWeightPlan(model.config, place, WeightType::kF32));
  plan.kept[name] = plan.TableType(name);
  WeightReader reader(*model.weights, plan, "");
  return reader.ReadMatrix(name, vocab, width);
}

// MobileBERT's decoder is as wide as the layers: the narrow table, and the rest of each row from a matrix that lies on
// its side.
Result<std::vector<float>> Widen(HeadReader& reader, std::span<const float> table, int vocab, int width, int wanted) {
  const int rest = wanted - width;
  BANTAM_TRY(const std::vector<float> more, reader.ReadFloats("cls.predictions.dense.weight", {rest, vocab}));
  std::vector<float> wide(static_cast<size_t>(vocab) * static_cast<size_t>(wanted));
  for (size_t row = 0; row < static_cast<size_t>(vocab); ++row) {
    float* out = wide.data() + row * static_cast<size_t>(wanted);
    std::copy_n(table.data() + row * static_cast<size_t>(width), width, out);
    for (size_t i = 0; i < static_cast<size_t>(rest); ++i) {
      out[static_cast<size_t>(width) + i] = more[i * static_cast<size_t>(vocab) + row];
    }
  }
  return wide;
}

}  // namespace

bool MaskedLmHead::Names(const ModelFolder& model) {
  const auto config = ConfigOf(model);
  return config && NamesHead(ModelClass(*config));
}

Result<std::unique_ptr<MaskedLmHead>> MaskedLmHead::Load(ModelFolder& model, WeightType decoder_type) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  const std::string model_class = ModelClass(config);
  if (!NamesHead(model_class)) return std::unique_ptr<MaskedLmHead>();
  const auto* spec = std::ranges::find(kSpecs, std::string_view(model.architecture), &Spec::model_type);
  if (spec == std::end(kSpecs)) {
    return Err(ErrorCode::kUnsupported, "{} names {}, a head that is not known for \"{}\"",
               config.Where("architectures"), EscapeForTerminal(model_class), EscapeForTerminal(model.architecture));
  }
  HeadReader reader(*model.weights);
  if (spec->model_type == kDebertaV3.model_type && reader.HasLayer(kDebertaV3.dense)) {
    BANTAM_TRY(const bool legacy, config.BoolOr("legacy", true));
    if (!legacy || !reader.HasLayer(spec->dense)) spec = &kDebertaV3;
  }
  std::string table(spec->table);
  if (spec->model_type == "nomic_bert" && !reader.HasLayer(table)) table = "bert.embeddings.word_embeddings";

  const bool distilbert = model.architecture == "distilbert";
  BANTAM_TRY(const int hidden, ReadSize(config, distilbert ? "dim" : "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(const int vocab, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  const bool narrow = model.architecture == "albert" || model.architecture == "electra" ||
                      model.architecture == "mobilebert" || model.architecture == "deberta-v2";
  int table_width = hidden;
  if (narrow) {
    BANTAM_TRY(table_width, ReadSizeOr(config, "embedding_size", hidden, SizeLimits::kHidden));
  }
  const bool widened = model.architecture == "mobilebert" && table_width < hidden;
  const int width = widened ? hidden : table_width;

  std::unique_ptr<MaskedLmHead> head(new MaskedLmHead);
  BANTAM_TRY(head->kernels_, SelectKernels());
  BANTAM_TRY(head->dense_, reader.ReadDense(spec->dense, hidden, width, WeightType::kF32));
  if (spec->activation == "=gelu") {
    head->activation_ = kActivationGelu;
  } else {
    BANTAM_TRY(head->activation_, ReadActivation(config, spec->activation, "gelu"));
  }
  float epsilon = 1e-12f;
  if (!spec->epsilon_key.empty()) {
    BANTAM_TRY(epsilon, ReadEpsilon(config, spec->epsilon_key, spec->epsilon));
  }
  BANTAM_TRY(head->norm_, reader.ReadNorm(std::string(spec->norm), width, epsilon));

  BANTAM_TRY(const bool tied, config.BoolOr("tie_word_embeddings", true));
  const std::string decoder = tied || !reader.HasLayer(spec->decoder) ? table : std::string(spec->decoder);
  BANTAM_TRY(std::vector<float> weight, ReadTable(model, decoder, vocab, table_width));
  if (widened) {
    BANTAM_TRY(weight, Widen(reader, weight, vocab, table_width, hidden));
  }
  // A decoder of its own has a bias of its own; the head's is then left unused, unless it is the only one.
  const std::string decoder_bias = std::string(spec->decoder) + ".bias";
  const std::string bias_name = !tied && reader.Has(decoder_bias) ? decoder_bias : std::string(spec->bias);
  std::vector<float> bias;
  if (reader.Has(bias_name)) {
    BANTAM_TRY(bias, reader.ReadFloats(bias_name, {vocab}));
  } else if (reader.Has(decoder_bias)) {
    BANTAM_TRY(bias, reader.ReadFloats(decoder_bias, {vocab}));
  }
  head->decoder_ = HeadDense(weight, bias, vocab, width, decoder_type);
  return head;
}

void MaskedLmHead::Logits(std::span<const float> hidden, std::span<float> out) const {
  std::vector<float> x = dense_.Apply(*kernels_, hidden, activation_);
  norm_.Apply(*kernels_, x);
  decoder_.Apply(*kernels_, x, out);
}

}  // namespace bantam
