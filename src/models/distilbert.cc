#include "models/distilbert.h"

#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

// The same sizes under names of its own. Sinusoidal positions are stored like learned ones.
Result<BertConfig> ParseDistilBertConfig(const JsonObject& config) {
  BertConfig bert;
  bert.family = "distilbert";
  BANTAM_TRY(bert.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(bert.hidden_size, ReadSize(config, "dim", SizeLimits::kHidden));
  BANTAM_TRY(bert.num_hidden_layers, ReadSize(config, "n_layers", SizeLimits::kLayers));
  BANTAM_TRY(bert.num_attention_heads, ReadSize(config, "n_heads", SizeLimits::kHeads));
  BANTAM_TRY(bert.intermediate_size, ReadSize(config, "hidden_dim", SizeLimits::kIntermediate));
  BANTAM_TRY(bert.max_position_embeddings, ReadSize(config, "max_position_embeddings", SizeLimits::kPositions));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, "dim", bert.hidden_size, "n_heads", bert.num_attention_heads));
  BANTAM_TRY(bert.hidden_act, ReadActivation(config, "activation", "gelu"));
  bert.embedding_size = bert.hidden_size;
  return bert;
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadDistilBert(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseDistilBertConfig(config));
  family.names = {.what = "DistilBERT encoder",
                  .prefix = PrefixOf(*model.weights, {"distilbert."}, "embeddings.word_embeddings.weight"),
                  .ignored = {"vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.",
                              "classifier.", "qa_outputs.", "embeddings.position_ids"}};
  family.layers = {.layer = "transformer.layer.",
                   .query = "attention.q_lin",
                   .key = "attention.k_lin",
                   .value = "attention.v_lin",
                   .attention_output = "attention.out_lin",
                   .attention_norm = "sa_layer_norm",
                   .intermediate = "ffn.lin1",
                   .output = "ffn.lin2",
                   .output_norm = "output_layer_norm"};
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
