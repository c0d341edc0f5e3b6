// The texts of one request for embeddings on their way through the engine.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/encode_job.h"
#include "engine/packed_batch.h"
#include "tasks/embed.h"

namespace bantam {

// The vector of no tokens in place of each of an answer's vectors.
inline void FillWithNothing(std::span<const float> nothing, std::span<float> out) {
  for (size_t at = 0; at < out.size(); at += nothing.size())
    std::ranges::copy(nothing, out.begin() + static_cast<ptrdiff_t>(at));
}

// Each distinct text that the cache does not have is computed once.
class TextJob final : public EncodeJob {
 public:
  EmbeddedTexts result;
  std::function<void(Result<EmbeddedTexts>)> done;  // empty: somebody waits for Run

  struct Parts {  // of the embedder and the call
    const SentenceConfig* sentence;
    const SentenceHead* head;
    const TextPrompt* prompt;
    std::span<const float> empty;  // the vector of no tokens, or none: then they are an error
    std::span<const int> layers;   // as in EncodeList
    size_t columns;                // of an answer
    MonotonicTime deadline;
    EmbeddingCache* cache;
    uint32_t space;  // of it
  };

  // Before Submit or Run. False when the cache had everything.
  bool Prepare(std::span<const Encoding> encodings, const Parts& parts) {
    cache_ = parts.cache;
    space_ = parts.space;
    result.vectors = {encodings.size(), parts.columns, std::vector<float>(encodings.size() * parts.columns)};
    result.texts.reserve(encodings.size());
    rows_.reserve(encodings.size());
    for (size_t i = 0; i < encodings.size(); ++i) {
      const Encoding& encoding = encodings[i];
      result.texts.push_back({static_cast<uint32_t>(encoding.ids.size()), encoding.truncated(),
                              static_cast<uint32_t>(encoding.num_tokens_before_truncation)});
      bool known = cache_ != nullptr && cache_->Find(space_, encoding.ids, Row(i));
      if (encoding.ids.empty() && !parts.empty.empty()) {
        FillWithNothing(parts.empty, Row(i));
        known = true;
      }
      rows_.push_back(known ? kKnown : batch_.Add(encoding.ids));
    }
    token_ids = batch_.token_ids();
    cu_seqlens = batch_.cu_seqlens();
    pooling = parts.sentence->pooling;
    normalize = parts.sentence->normalize;
    head = parts.head;
    skip_tokens = parts.prompt->skip_tokens;
    layers = parts.layers;
    deadline = parts.deadline;
    direct_ = batch_.num_sequences() == encodings.size();
    if (direct_) {
      out = result.vectors.values;
    } else {
      computed_.resize(batch_.num_sequences() * parts.columns);
      out = computed_;
    }
    return batch_.num_sequences() > 0;
  }

  // After a successful Run.
  void Collect() {
    const size_t columns = result.vectors.columns;
    if (cache_ != nullptr) {
      for (size_t row = 0; row < batch_.num_sequences(); ++row) {
        cache_->Insert(space_, batch_.sequence(row), out.subspan(row * columns, columns));
      }
    }
    if (direct_) return;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i] != kKnown) std::ranges::copy(out.subspan(rows_[i] * columns, columns), Row(i).begin());
    }
  }

  void Done(Status status) override {
    const std::unique_ptr<TextJob> self(this);
    if (!status) return done(std::move(status).error());
    Collect();
    done(std::move(result));
  }

 private:
  static constexpr size_t kKnown = SIZE_MAX;
  std::span<float> Row(size_t i) {
    return std::span(result.vectors.values).subspan(i * result.vectors.columns, result.vectors.columns);
  }

  PackedBatch batch_;
  std::vector<size_t> rows_;  // by text: which sequence of batch_ it is
  std::vector<float> computed_;
  bool direct_ = false;  // the sequences are the texts one for one
  EmbeddingCache* cache_ = nullptr;
  uint32_t space_ = 0;
};

}  // namespace bantam
