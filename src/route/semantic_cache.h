// Answers to questions that were asked before in other words: similar ones of the same partition, judged pair by pair;
// and how many of such hits are wrong, from a random share that is asked again.
//
//   BANTAM_TRY(auto similar, SemanticCache::Create(rule, file.sha256, *cache, {}));
//   const auto found = similar->Find(partition, question, route, vector, deadline);
//   if (found && found->answer) return *found->answer;
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "learn/binomial.h"
#include "route/intent_model.h"
#include "route/result_cache.h"
#include "route/semantic_rule.h"

namespace bantam {

// The share of wrong hits, from those that were asked again. The interval is certain to 95 % however often it is looked
// at while they are (learn/confidence_sequence.h): closing on it is not a matter of patience.
struct WrongHitEstimate {
  int64_t audited = 0, wrong = 0;
  BinomialInterval interval = {};
};
WrongHitEstimate EstimateWrongHits(int64_t audited, int64_t wrong);

struct SemanticCacheStats {
  bool open = true;                             // false: it has closed itself, because too many hits were wrong
  uint64_t lookups = 0, hits = 0, refused = 0;  // refused: something similar was there, and the verifier objected
  WrongHitEstimate wrong_hits = {};
  double max_wrong_hit = 0;
};

// Names under which the estimate lies with the cache (ResultCache::Counter). Each route file has its own, by a part of
// its hash; kEstimateFile holds that of the file that came into force last.
inline constexpr const char* kEstimateFile = "similar.route_file";
struct EstimateCounters {
  std::string audited, wrong;
};
EstimateCounters EstimateNames(int64_t file);

struct SimilarAnswer {
  std::string question;  // that was stored
  double similarity = 0;
  std::optional<PairRefusal> refusal = {};  // of the nearest, when none will do
  std::optional<std::string> answer = {};   // as the cache keeps it; none: refused
};

// Thread-safe.
class SemanticCache {
 public:
  // `route_file_sha256` says whose estimate it is: each file has its own.
  static Result<std::unique_ptr<SemanticCache>> Create(const SemanticCacheRule& rule,
                                                       std::string_view route_file_sha256, ResultCache& cache,
                                                       const LoadOptions& load);
  SemanticCache(const SemanticCacheRule& rule, std::string_view route_file_sha256, ResultCache& cache,
                std::unique_ptr<PairVerifier> verifier);

  // Nothing: there is no similar question, or the cache has closed itself. Answers that were given on another route are
  // not looked at.
  std::optional<SimilarAnswer> Find(const Sha256Digest& partition, std::string_view question, std::string_view route,
                                    std::span<const float> vector, MonotonicTime deadline);

  // Whether a hit is to be asked again: decided by the request's id, with the file's audit_rate.
  bool Audits(std::string_view request_id) const;
  // How it ended.
  void TakeAudit(bool same_answer);

  const SemanticCacheRule& rule() const { return rule_; }
  SemanticCacheStats Stats() const;

 private:
  bool IsOpen() const;
  WrongHitEstimate Estimate() const;

  const SemanticCacheRule rule_;
  const int64_t file_;
  const EstimateCounters names_;
  ResultCache& cache_;
  const std::unique_ptr<PairVerifier> verifier_;
  std::atomic<uint64_t> lookups_ = 0, hits_ = 0, refused_ = 0;
  mutable std::mutex mutex_;  // of an audit and its counters
};

}  // namespace bantam
