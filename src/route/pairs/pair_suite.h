// Pairs of questions of which it is known whether the answer to one may be given to the other, and what the semantic
// cache makes of them. Two lists are part of the program: the verifier was written with the one, and judged on the
// other.
//
//   BANTAM_TRY(const auto pairs, ReadPairs("pairs.jsonl"));
//   BANTAM_TRY(const PairReport report, JudgePairs(pairs, *embedder, *verifier));
//   if (report.wrong_hits > 0) ...
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "route/pairs/pair_verifier.h"
#include "tasks/embed.h"

namespace bantam {

struct CachePair {
  std::string cached, asked;
  bool may_hit = false;
  std::string kind;  // "polarity"; what it is about, for the report
};

// A file of lines {"pair": ["...", "..."], "expect": "hit" or "miss", "class": "polarity"}; the class may be left out.
Result<std::vector<CachePair>> ReadPairs(const Path& path);
std::vector<CachePair> BuiltInPairs();  // the suite
std::vector<CachePair> HeldOutPairs();

struct PairVerdict {
  const CachePair* pair = nullptr;
  double similarity = 0;
  std::optional<PairRefusal> refusal;  // none: a hit
  bool wrong() const { return !pair->may_hit && !refusal; }
};

struct PairReport {
  std::vector<PairVerdict> verdicts;  // in the order of the pairs
  struct Kind {
    size_t pairs = 0, hits = 0;
  };
  std::map<std::string, Kind> misses, paraphrases;  // by kind: of those that must miss, of those that may hit
  size_t must_miss = 0, wrong_hits = 0, may_hit = 0, right_hits = 0;
  double hit_rate() const { return may_hit == 0 ? 0 : static_cast<double>(right_hits) / static_cast<double>(may_hit); }
};

// `pairs` outlives the report.
Result<PairReport> JudgePairs(std::span<const CachePair> pairs, Embedder& embedder, const PairVerifier& verifier);

}  // namespace bantam
