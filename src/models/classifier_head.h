// The classification head that a checkpoint was fine-tuned with: hidden vectors of one sequence to logits, one row for
// the sequence (ForSequenceClassification) or one for each token (ForTokenClassification).
//
//   BANTAM_TRY(const auto head, ClassifierHead::Load(model));      // null when the model has none
//   head->Logits(hidden);
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files/model_folder.h"
#include "kernels/isa.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"

namespace bantam {

// Immutable: any thread may call it. Has its own copy of its weights, in f32.
class ClassifierHead {
 public:
  enum class Kind { kSequence, kTokens };

  // By "architectures" of config.json. Strict about the head's tensors, as the encoder is about its own.
  static Result<std::unique_ptr<ClassifierHead>> Load(ModelFolder& model);

  Kind kind() const { return kind_; }
  int num_labels() const { return static_cast<int>(labels_.size()); }
  const std::vector<std::string>& labels() const { return labels_; }  // "id2label", or LABEL_0, LABEL_1, ...
  bool multi_label() const { return multi_label_; }                   // labels do not exclude each other

  // hidden: [num_tokens, hidden_size], at least one token. Returns [num_labels] or [num_tokens, num_labels].
  std::vector<float> Logits(std::span<const float> hidden) const;

 private:
  enum class Pooling { kNone, kFirst, kLast, kMean };
  // Weights packed as the kernels read them.
  struct Dense {
    int in = 0, out = 0;
    std::vector<float> packed = {}, bias = {};
    Linear linear() const;
  };
  struct Spec;
  class Reader;

  ClassifierHead() = default;
  std::vector<float> Apply(const Dense& dense, std::vector<float> x, Activation activation) const;

  Kind kind_ = Kind::kSequence;
  Pooling pooling_ = Pooling::kFirst;
  const Kernels* kernels_ = nullptr;
  bool has_dense_ = false, tanh_ = false;
  Dense dense_, out_;
  Activation activation_ = kActivationNone;
  std::vector<float> norm_gamma_, norm_beta_;  // empty: no norm after the dense layer
  float norm_eps_ = 1e-5f;
  std::vector<std::string> labels_;
  bool multi_label_ = false;
};

}  // namespace bantam
