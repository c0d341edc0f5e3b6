#include "route/pairs/pair_verifier.h"

#include <cmath>

#include "route/pairs/question_facts.h"

namespace bantam {

Result<std::unique_ptr<PairVerifier>> PairVerifier::Create(const PairRule& rule, const CrossEncoderRule& cross_encoder,
                                                           const LoadOptions& load) {
  std::unique_ptr<Reranker> reranker;
  if (rule.Has(PairCheck::kCrossEncoder)) {
    BANTAM_TRY(reranker, Reranker::Load(cross_encoder.model, load));
  }
  return std::make_unique<PairVerifier>(rule, cross_encoder, std::move(reranker));
}

PairVerifier::PairVerifier(const PairRule& rule, const CrossEncoderRule& cross_encoder,
                           std::unique_ptr<Reranker> reranker)
    : rule_(rule), cross_encoder_(cross_encoder), reranker_(std::move(reranker)) {}

std::optional<PairRefusal> PairVerifier::Verify(std::string_view cached, std::string_view asked, double similarity,
                                                MonotonicTime deadline) const {
  if (auto refusal = CompareQuestions(ReadQuestion(cached), ReadQuestion(asked), similarity, rule_)) return refusal;
  if (!rule_.Has(PairCheck::kCrossEncoder)) return std::nullopt;
  const auto refuse = [](std::string why) {
    return PairRefusal{PairCheck::kCrossEncoder, "cross_encoder: " + std::move(why)};
  };
  if (reranker_ == nullptr) return refuse("there is none");
  const TextInput pair{cached, asked};
  const auto scores =
      reranker_->Score(std::span(&pair, 1), {.function = ScoreFunction::kSigmoid, .deadline = deadline});
  if (!scores) return refuse(scores.error().message);
  const double score = scores->front().score;
  if (score >= cross_encoder_.min_score) return std::nullopt;
  return refuse(fmt::format("{:.3f} is below {:.2f}", score, cross_encoder_.min_score));
}

double Cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0;
}

}  // namespace bantam
