// Judges pairs of questions: the words' checks of pair_check.h, then a cross-encoder where there is one.
//
//   BANTAM_TRY(const auto verifier, PairVerifier::Create(rule, {}));
//   if (auto refusal = verifier->Verify(cached_question, question, similarity)) miss(refusal->reason);
#pragma once

#include <memory>
#include <span>

#include "route/pairs/pair_check.h"
#include "tasks/rerank.h"

namespace bantam {

// A model that reads both questions at once and says how alike they are, such as one trained on duplicate questions.
struct CrossEncoderRule {
  std::string model = {};  // empty: none
  double min_score = 0.5;
};

// Thread-safe. Whatever goes wrong in it is a refusal.
class PairVerifier {
 public:
  // Loads the cross-encoder, if one is named; `load` says from where.
  static Result<std::unique_ptr<PairVerifier>> Create(const PairRule& rule, const CrossEncoderRule& cross_encoder,
                                                      const LoadOptions& load);
  PairVerifier(const PairRule& rule, const CrossEncoderRule& cross_encoder, std::unique_ptr<Reranker> reranker);

  std::optional<PairRefusal> Verify(std::string_view cached, std::string_view asked, double similarity,
                                    MonotonicTime deadline = MonotonicTime::max()) const;

 private:
  const PairRule rule_;
  const CrossEncoderRule cross_encoder_;
  const std::unique_ptr<Reranker> reranker_;  // null: none
};

double Cosine(std::span<const float> a, std::span<const float> b);

}  // namespace bantam
