// The head that a checkpoint was fine-tuned with: hidden vectors of one sequence to logits, one row for the sequence
// (ForSequenceClassification) or one for each token (ForTokenClassification; ForQuestionAnswering, where an answer may
// begin and end).
//
//   BANTAM_TRY(const auto head, ClassifierHead::Load(model));      // null when the model has none
//   head->Logits(hidden);
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/head_layers.h"

namespace bantam {

// Immutable: any thread may call it. Has its own copy of its weights, in f32.
class ClassifierHead {
 public:
  enum class Kind { kSequence, kTokens, kSpans };
  enum class Problem { kNotTold, kRegression, kSingleLabel, kMultiLabel };

  // By "architectures" of config.json. Strict about the head's tensors, as the encoder is about its own.
  static Result<std::unique_ptr<ClassifierHead>> Load(ModelFolder& model);

  Kind kind() const { return kind_; }
  int num_labels() const { return static_cast<int>(labels_.size()); }
  const std::vector<std::string>& labels() const { return labels_; }     // "id2label", or LABEL_0, LABEL_1, ...
  Problem problem() const { return problem_; }                           // "problem_type"
  bool multi_label() const { return problem_ == Problem::kMultiLabel; }  // labels do not exclude each other
  int hidden_size() const { return dense_.empty() ? out_.in() : dense_.in(); }

  // hidden: [num_tokens, hidden_size] of one sequence, at least one token. Returns [num_labels] or
  // [num_tokens, num_labels].
  std::vector<float> Logits(std::span<const float> hidden) const;

  // The same from the rows that the head reads, many at once: [n, hidden_size] -> [n, num_labels]. Rows are tokens, or
  // what pooling() makes of a sequence, without normalising.
  std::vector<float> FromRows(std::span<const float> rows) const;
  PoolingMode pooling() const { return pooling_; }

 private:
  struct Spec;
  ClassifierHead() = default;

  Kind kind_ = Kind::kSequence;
  PoolingMode pooling_ = PoolingMode::kCls;
  const Kernels* kernels_ = nullptr;
  bool tanh_ = false;      // after dense_
  HeadDense dense_, out_;  // dense_ may be empty
  Activation activation_ = kActivationNone;
  HeadNorm norm_;
  std::vector<std::string> labels_;
  Problem problem_ = Problem::kNotTold;
};

}  // namespace bantam
