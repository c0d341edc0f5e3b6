// The questions whose answers are stored, as vectors in memory: which of one partition lie nearest to another question.
//
//   SimilarQuestions questions(50'000);
//   questions.Add(partition, {key, question, route}, SimilarQuestions::Pack(vector));
//   for (const SimilarQuestion& near : questions.Find(partition, vector, 0.65f)) ...
//
// Every vector of the partition is read: as integers of 8 bits, by the kernels that multiply matrices, in panels of 64
// questions; the last few of a partition, and all of a small one, lie one by one behind them.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "kernels/isa.h"
#include "route/result_cache.h"

namespace bantam {

// Thread-safe. Bounded in entries: beyond that, adding one drops another.
class SimilarQuestions {
 public:
  explicit SimilarQuestions(size_t max_entries);
  void SetLimit(size_t max_entries);  // for what is added from now on

  // A vector as the index and the disk keep it: its scale and a byte for each dimension. Empty for one that has no
  // direction.
  static std::string Pack(std::span<const float> vector);

  // Replaces an entry of the same key. A packed vector that is none is left out.
  void Add(const Sha256Digest& partition, SimilarQuestion question, const std::string& packed);
  void Remove(const Sha256Digest& key);
  void Clear();
  // Best first, at most ResultCache::kMostSimilar, of `least_similarity` or more.
  std::vector<SimilarQuestion> Find(const Sha256Digest& partition, std::span<const float> vector,
                                    float least_similarity) const;
  size_t size() const;

 private:
  struct DigestHash {
    size_t operator()(const Sha256Digest& key) const;
  };
  struct Entry {
    SimilarQuestion question;
    float scale = 0;  // similarity = scale * <bytes, question's vector>
  };
  // Entries [0, 64 * panels) lie in `packed`, the others in `rows`; an entry that is gone leaves no gap.
  struct Group {
    size_t dimensions = 0;
    std::vector<Entry> entries;
    std::vector<int8_t> packed;  // as GemmInt8Args wants it
    std::vector<float> scales, sums;
    std::vector<int8_t> rows;  // [entries behind the panels, dimensions]
    size_t num_packed() const { return scales.size(); }
  };
  struct Place {
    Sha256Digest partition{};
    size_t index = 0;
  };

  void RemoveLocked(const Sha256Digest& key);
  void ReadRow(const Group& group, size_t index, std::span<int8_t> row) const;
  void WriteRow(Group& group, size_t index, std::span<const int8_t> row);
  void PackFullPanel(Group& group);
  void UnpackLastPanel(Group& group);
  std::vector<float> Similarities(const Group& group, std::span<const float> unit) const;

  std::atomic<size_t> max_entries_;
  const Kernels* const kernels_;
  mutable std::mutex mutex_;
  std::unordered_map<Sha256Digest, Group, DigestHash> groups_;  // by partition
  std::unordered_map<Sha256Digest, Place, DigestHash> places_;  // by key
};

}  // namespace bantam
