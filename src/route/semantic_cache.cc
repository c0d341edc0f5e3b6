#include "route/semantic_cache.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "learn/confidence_sequence.h"
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

EstimateCounters EstimateNames(int64_t file) {
  const std::string suffix = fmt::format(".{:016x}", static_cast<uint64_t>(file));
  return {"similar.audited" + suffix, "similar.wrong" + suffix};
}

WrongHitEstimate EstimateWrongHits(int64_t audited, int64_t wrong) {
  audited = std::clamp<int64_t>(audited, 0, int64_t{1} << 50);  // counters of a file or a Redis that may hold anything
  wrong = std::clamp<int64_t>(wrong, 0, audited);
  return {audited, wrong, ConfidenceAtAnyTime(wrong, audited, kCertainty)};
}

Result<std::unique_ptr<SemanticCache>> SemanticCache::Create(const SemanticCacheRule& rule,
                                                             std::string_view route_file_sha256, ResultCache& cache,
                                                             const LoadOptions& load) {
  BANTAM_TRY(auto verifier, PairVerifier::Create(rule.pairs, rule.cross_encoder, load));
  return std::make_unique<SemanticCache>(rule, route_file_sha256, cache, std::move(verifier));
}

SemanticCache::SemanticCache(const SemanticCacheRule& rule, std::string_view route_file_sha256, ResultCache& cache,
                             std::unique_ptr<PairVerifier> verifier)
    : rule_(rule),
      file_(static_cast<int64_t>(NumberOf(Sha256Of(route_file_sha256)))),
      names_(EstimateNames(file_)),
      cache_(cache),
      verifier_(std::move(verifier)) {
  cache_.SetCounter(kEstimateFile, file_);
}

WrongHitEstimate SemanticCache::Estimate() const {
  return EstimateWrongHits(cache_.Counter(names_.audited), cache_.Counter(names_.wrong));
}

bool SemanticCache::IsOpen() const { return Estimate().interval.low <= rule_.max_wrong_hit; }

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
  cache_.SetCounter(kEstimateFile, file_);  // after a flush
  cache_.AddToCounter(names_.audited, 1);
  cache_.AddToCounter(names_.wrong, same_answer ? 0 : 1);
  if (!was_open || IsOpen()) return;
  const WrongHitEstimate estimate = Estimate();
  Log(LogLevel::kWarning,
      "the semantic cache has closed itself: {} of {} answers that were asked again came out otherwise, so more than "
      "{:g} % of its "
      "hits are wrong; raise \"similarity\" in the route file, or begin anew with `bantam cache flush`",
      estimate.wrong, estimate.audited, 100 * rule_.max_wrong_hit);
}

SemanticCacheStats SemanticCache::Stats() const {
  const std::lock_guard lock(mutex_);
  return {.open = IsOpen(),
          .lookups = lookups_,
          .hits = hits_,
          .refused = refused_,
          .wrong_hits = Estimate(),
          .max_wrong_hit = rule_.max_wrong_hit};
}

}  // namespace bantam
