// A vector for each token of a text, as late-interaction models (ColBERT) are searched with.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "engine/encode_job.h"
#include "models/sentence_head.h"

namespace bantam {

// Of a list of texts, in its order.
struct TokenVectors {
  size_t columns = 0;
  struct Text {
    uint32_t num_tokens = 0;   // what the model read
    bool truncated = false;    // the text was longer than is read
    uint32_t text_tokens = 0;  // what it would have been
    size_t first_row = 0;
    std::vector<int32_t> token_ids = {};  // of the rows: tokens that do not count have none
  };
  std::vector<Text> texts;
  std::vector<float> values;  // [all rows, columns]
  // [num_rows, columns] of text i
  std::span<const float> rows(size_t i) const {
    return std::span(values).subspan(texts[i].first_row * columns, texts[i].token_ids.size() * columns);
  }
};

// One text on its way: what the model reads, and which rows of the answer count.
struct TokenSequence {
  std::vector<int32_t> ids;
  std::vector<uint8_t> counts;  // [ids.size()]
  size_t num_keys = 0;          // so many first tokens are seen by the others; 0: all
  size_t text_tokens = 0;
  bool truncated = false;
};

// The texts of one request on their way through the engine.
class TokenVectorJob final : public EncodeJob, private TokenVectorSink {
 public:
  std::function<void(Result<TokenVectors>)> done;  // empty: somebody waits for Run

  // of_tokens: what is done to each token's vector, or null for nothing. columns: of a vector.
  TokenVectorJob(const SentenceHead* of_tokens, size_t columns, std::vector<TokenSequence> sequences,
                 MonotonicTime until);
  // After it ran.
  Result<TokenVectors> Collect();
  void Done(Status status) override;  // deletes the job

 private:
  void Take(size_t index, std::span<const float> hidden) noexcept override;

  const SentenceHead* const token_head_;
  const std::vector<TokenSequence> sequences_;
  std::vector<int32_t> ids_, borders_ = {0}, keys_;
  TokenVectors out_;
  std::atomic<bool> out_of_memory_ = false;
};

}  // namespace bantam
