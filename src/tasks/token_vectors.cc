#include "tasks/token_vectors.h"

#include <algorithm>
#include <memory>
#include <new>

namespace bantam {

TokenVectorJob::TokenVectorJob(const SentenceHead* of_tokens, size_t columns, std::vector<TokenSequence> sequences,
                               MonotonicTime until)
    : token_head_(of_tokens), sequences_(std::move(sequences)) {
  out_.columns = columns;
  bool limited = false;
  size_t num_rows = 0;
  for (const TokenSequence& sequence : sequences_) {
    TokenVectors::Text& text = out_.texts.emplace_back();
    text.num_tokens = static_cast<uint32_t>(sequence.ids.size());
    text.truncated = sequence.truncated;
    text.text_tokens = static_cast<uint32_t>(sequence.text_tokens);
    text.first_row = num_rows;
    for (size_t token = 0; token < sequence.ids.size(); ++token) {
      if (sequence.counts[token] != 0) text.token_ids.push_back(sequence.ids[token]);
    }
    num_rows += text.token_ids.size();
    ids_.insert(ids_.end(), sequence.ids.begin(), sequence.ids.end());
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    keys_.push_back(static_cast<int32_t>(sequence.num_keys > 0 ? sequence.num_keys : sequence.ids.size()));
    limited |= keys_.back() < static_cast<int32_t>(sequence.ids.size());
  }
  out_.values.resize(num_rows * columns);
  token_ids = ids_;
  cu_seqlens = borders_;
  if (limited) num_keys = keys_;
  deadline = until;
  sink = this;
}

// Every sequence has its own part of the answer.
void TokenVectorJob::Take(size_t index, std::span<const float> hidden) noexcept {
  try {
    const TokenSequence& sequence = sequences_[index];
    std::vector<float> rows;
    if (token_head_ != nullptr) {
      rows.resize(sequence.ids.size() * out_.columns);
      token_head_->ApplyToTokens(hidden, rows);
      hidden = rows;
    }
    auto to = out_.values.begin() + static_cast<ptrdiff_t>(out_.texts[index].first_row * out_.columns);
    for (size_t token = 0; token < sequence.ids.size(); ++token) {
      if (sequence.counts[token] != 0) {
        to = std::ranges::copy(hidden.subspan(token * out_.columns, out_.columns), to).out;
      }
    }
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

Result<TokenVectors> TokenVectorJob::Collect() {
  if (out_of_memory_) {
    return Err(ErrorCode::kOutOfMemory, "not enough memory for the vectors of {} tokens", ids_.size());
  }
  return std::move(out_);
}

void TokenVectorJob::Done(Status status) {
  const std::unique_ptr<TokenVectorJob> self(this);
  done(status ? Collect() : Result<TokenVectors>(std::move(status).error()));
}

}  // namespace bantam
