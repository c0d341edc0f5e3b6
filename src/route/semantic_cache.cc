#include "route/semantic_cache.h"

#include <cstring>

#include "base/log.h"
#include "route/draw.h"

namespace bantam {
namespace {

constexpr double kCertainty = 0.95;

// The first bytes of a digest as a number.
uint64_t NumberOf(const Sha256Digest& digest) {
  uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number;
}

}  // namespace

WrongHitEstimate EstimateWrongHits(int64_t audited, int64_t wrong) {
  return {audited, wrong, BinomialConfidence(wrong, audited, kCertainty)};
}

Result<std::unique_ptr<SemanticCache>> SemanticCache::Create(const SemanticCacheRule& rule,
                                                             std::string_view route_file_sha256, ResultCache& cache,
                                                             const LoadOptions& load) {
  BANTAM_TRY(auto verifier, PairVerifier::Create(rule.pairs, rule.cross_encoder, load));
  return std::make_unique<SemanticCache>(rule, route_file_sha256, cache, std::move(verifier));
}

SemanticCache::SemanticCache(const SemanticCacheRule& rule, std::string_view route_file_sha256, ResultCache& cache,
                             std::unique_ptr<PairVerifier> verifier)
    : rule_(rule), cache_(cache), verifier_(std::move(verifier)) {
  const auto file = static_cast<int64_t>(NumberOf(Sha256Of(route_file_sha256)));
  if (cache_.Counter(kEstimateFile) == file) return;
  cache_.SetCounter(kEstimateFile, file);
  cache_.SetCounter(kEstimateAudited, 0);
  cache_.SetCounter(kEstimateWrong, 0);
}

bool SemanticCache::IsOpen() const {
  return EstimateWrongHits(cache_.Counter(kEstimateAudited), cache_.Counter(kEstimateWrong)).interval.low <=
         rule_.max_wrong_hit;
}

std::optional<SimilarAnswer> SemanticCache::Find(const Sha256Digest& partition, std::string_view question,
                                                 std::string_view route, std::span<const float> vector,
                                                 MonotonicTime deadline) {
  ++lookups_;
  const auto near = cache_.FindSimilar(partition, vector, static_cast<float>(rule_.pairs.similarity));
  std::optional<SimilarAnswer> nearest;
  for (const SimilarQuestion& stored : near) {
    if (stored.route != route) continue;
    SimilarAnswer found{.question = stored.question, .similarity = stored.similarity};
    found.refusal = verifier_->Verify(stored.question, question, stored.similarity, deadline);
    if (!found.refusal) {
      if (!IsOpen()) return std::nullopt;
      found.answer = cache_.Find(stored.key);
      if (!found.answer) continue;  // evicted meanwhile
      ++hits_;
      return found;
    }
    if (!nearest) nearest = std::move(found);
  }
  refused_ += nearest.has_value();
  return nearest;
}

bool SemanticCache::Audits(std::string_view request_id) const { return IsDrawn("", request_id, rule_.audit_rate); }

void SemanticCache::TakeAudit(bool same_answer) {
  const std::lock_guard lock(mutex_);
  const bool was_open = IsOpen();
  const int64_t audited = cache_.Counter(kEstimateAudited) + 1;
  const int64_t wrong = cache_.Counter(kEstimateWrong) + (same_answer ? 0 : 1);
  cache_.SetCounter(kEstimateAudited, audited);
  cache_.SetCounter(kEstimateWrong, wrong);
  if (!was_open || IsOpen()) return;
  Log(LogLevel::kWarning,
      "the semantic cache has closed itself: {} of {} answers that were asked again came out otherwise, so more than "
      "{:g} % of its "
      "hits are wrong; raise \"similarity\" in the route file, or begin anew with `bantam cache flush`",
      wrong, audited, 100 * rule_.max_wrong_hit);
}

SemanticCacheStats SemanticCache::Stats() const {
  const std::lock_guard lock(mutex_);
  return {.open = IsOpen(),
          .lookups = lookups_,
          .hits = hits_,
          .refused = refused_,
          .wrong_hits = EstimateWrongHits(cache_.Counter(kEstimateAudited), cache_.Counter(kEstimateWrong)),
          .max_wrong_hit = rule_.max_wrong_hit};
}

}  // namespace bantam
