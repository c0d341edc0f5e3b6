// A model's folder, loaded once for whichever tasks it is asked for: tokenizer, encoder with its engine, heads, limits.
//
//   BANTAM_TRY(const LoadedModel model, LoadModel("./my-cross-encoder", {.weight_type = WeightType::kF32}));
//   BANTAM_TRY(auto reranker, Reranker::Create(model));
//   BANTAM_TRY(auto classifier, Classifier::Create(model));   // the same engine, the same queue
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/encoder_engine.h"
#include "files/model_folder.h"
#include "models/classifier_head.h"
#include "models/masked_lm_head.h"
#include "text/text_pair.h"

namespace bantam {

struct LoadOptions {
  WeightType weight_type = WeightType::kInt8;
  int num_threads = 0;  // 0 = all this process may use
  EngineOptions engine = {};
  // false: what embeddings need; of heads that is the masked language model of a sparse one.
  bool heads = true;
  std::optional<Path> store = {};  // where names are looked up; empty: $BANTAM_HOME/models
  bool use_packed_files = true;    // as EncoderOptions
};

// A bundle of pointers: copies share everything.
struct LoadedModel {
  ModelFolder folder;  // without its weights
  std::shared_ptr<const Tokenizer> tokenizer;
  int max_tokens = 0;                             // of a sequence, special tokens included
  bool gives_types = false;                       // whether the second of two texts is told to the encoder
  std::shared_ptr<const ClassifierHead> head;     // or null
  std::shared_ptr<const MaskedLmHead> masked_lm;  // or null
  std::shared_ptr<EncoderEngine> engine;

  const Encoder& encoder() const { return engine->encoder(); }
  // kUnsupported: `model "X" has no token-classification head ("architectures" ["BertModel"]); use ...`. `command`:
  // what the model is good for instead, or "" for what its heads say.
  Error NoSuchHead(std::string_view wanted) const;
};

Result<LoadedModel> LoadModel(std::string_view reference, const LoadOptions& options);
// The same of a model that is open already.
Result<LoadedModel> LoadModel(ModelFolder folder, const LoadOptions& options);

// kCorrupt: a head whose weights give numbers that are not finite.
Error NotFinite(const LoadedModel& model);

// "sequence classification", "token classification", "question answering", "masked language model"; "" for none. For
// messages and for `bantam show`.
std::string_view HeadName(const LoadedModel& model);

}  // namespace bantam
