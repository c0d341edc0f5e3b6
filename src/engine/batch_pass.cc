#include "engine/batch_pass.h"

#include <algorithm>
#include <array>

#include "layers/pooling.h"

namespace bantam {
namespace {

constexpr size_t kShare = 8;  // pieces that one thread pools at a time

}  // namespace

BatchPass::BatchPass(const Encoder& encoder, ThreadPool& pool)
    : encoder_(encoder),
      pool_(pool),
      has_types_(encoder.type_vocab_size() > 1),
      workspace_(encoder.NewWorkspace()),
      observed_(encoder.num_layers(), encoder.hidden_size()) {}

void BatchPass::Clear() {
  batch_.Clear();
  pieces_.clear();
  list_texts_.clear();
  num_keys_.clear();
  wants_layers_ = sees_parts_ = false;
}

bool BatchPass::Take(EncodeJob& job, size_t index, size_t max_tokens) {
  const std::span<const int32_t> ids = job.sequence(index);
  const auto types = has_types_ ? job.types(index) : std::span<const int32_t>();
  // No observer can be shown layers of a batch in which some see a part of themselves only.
  if ((wants_layers_ && !job.num_keys.empty()) || (sees_parts_ && !job.layers.empty())) return false;
  // Equal texts may end after different layers, or see different parts of themselves.
  const bool alone = job.judge != nullptr || !job.num_keys.empty();
  if (!(alone ? batch_.FitsAlone(ids, max_tokens) : batch_.Fits(ids, types, max_tokens))) return false;
  pieces_.push_back({&job, index, alone ? batch_.AddAlone(ids, types) : batch_.Add(ids, types), true});
  wants_layers_ = wants_layers_ || !job.layers.empty();
  sees_parts_ = sees_parts_ || !job.num_keys.empty();
  return true;
}

bool BatchPass::TakeText(std::span<const int32_t> token_ids, std::span<float> out, size_t max_tokens) {
  if (!batch_.Fits(token_ids, max_tokens)) return false;
  list_texts_.push_back({batch_.Add(token_ids), out});
  return true;
}

void BatchPass::Compute() {
  FillKeys();
  // A judge may end its text early and need not: it does not in a batch that cannot be observed.
  const auto judged = [](const Piece& piece) { return piece.job->judge != nullptr; };
  if (encoder_.num_layers() > 0 && !sees_parts_ && (wants_layers_ || std::ranges::any_of(pieces_, judged)))
    return ComputeObserved();
  Forward(nullptr);
  // A few microseconds each: a large batch's are shared. A head on tokens is more work.
  const bool sinks = std::ranges::any_of(pieces_, [](const Piece& piece) { return piece.job->sink != nullptr; });
  const size_t share = sinks ? 1 : kShare;
  const size_t parts = (pieces_.size() + share - 1) / share;
  pool_.Run(static_cast<int>(parts), [&](int part, int) {
    const size_t begin = static_cast<size_t>(part) * share;
    DeliverPieces(begin, std::min(begin + share, pieces_.size()));
  });
}

void BatchPass::FillKeys() {
  if (!sees_parts_) return;
  for (size_t i = 0; i < batch_.num_sequences(); ++i) {
    num_keys_.push_back(batch_.cu_seqlens()[i + 1] - batch_.cu_seqlens()[i]);
  }
  for (const Piece& piece : pieces_) {
    if (!piece.job->num_keys.empty()) num_keys_[piece.row] = piece.job->num_keys[piece.index];
  }
}

void BatchPass::DeliverPieces(size_t begin, size_t end) {
  for (size_t i = begin; i < end;) {
    Piece& piece = pieces_[i];
    const EncodeList& list = *piece.job;
    if (list.sink != nullptr) {
      piece.finite = IsFinite(HiddenOf(piece.row));
      if (piece.finite) list.sink->Take(piece.index, HiddenOf(piece.row));
      ++i;
      continue;
    }
    if (list.head == nullptr) {
      Pool(HiddenOf(piece.row), encoder_.hidden_size(), list.pooling, list.normalize, RowOf(piece));
      ++i;
      continue;
    }
    std::array<SentenceHead::Text, kShare> texts;
    size_t count = 0;
    for (; i < end && pieces_[i].job->head == list.head && pieces_[i].job->sink == nullptr; ++i) {
      texts[count++] = {HiddenOf(pieces_[i].row), pieces_[i].job->skip_tokens, RowOf(pieces_[i])};
    }
    list.head->Apply(std::span(texts).first(count));
  }
  for (size_t i = begin; i < end; ++i) {
    if (pieces_[i].job->sink == nullptr) pieces_[i].finite = IsFinite(RowOf(pieces_[i]));
  }
}

// When a text may end before the last layer, or its vectors after earlier ones are wanted.
void BatchPass::ComputeObserved() {
  observed_.Clear(batch_.num_sequences());
  for (Piece& piece : pieces_) {
    const EncodeList& list = *piece.job;
    observed_.Add(piece.row, {.pooling = list.pooling,
                              .normalize = list.normalize,
                              .head = list.head,
                              .skip_tokens = list.skip_tokens,
                              .judge = list.judge,
                              .layers = list.layers,
                              .out = RowOf(piece),
                              .sink = list.sink,
                              .index = piece.index,
                              .finite = &piece.finite});
  }
  Forward(&observed_);
  for (Piece& piece : pieces_) {
    if (piece.job->sink == nullptr) piece.finite = IsFinite(RowOf(piece));
  }
}

void BatchPass::ComputeTexts(const EncodeListOptions& options) {
  if (!options.layers.empty()) {
    observed_.Clear(batch_.num_sequences());
    for (const ListText& text : list_texts_) {
      observed_.Add(text.row, {.pooling = options.pooling,
                               .normalize = options.normalize,
                               .head = options.head,
                               .skip_tokens = options.skip_tokens,
                               .layers = options.layers,
                               .out = text.out});
    }
    return Forward(&observed_);
  }
  Forward(nullptr);
  if (options.head != nullptr) {
    texts_.clear();
    for (const ListText& text : list_texts_) {
      texts_.push_back({HiddenOf(text.row), options.skip_tokens, text.out});
    }
    return options.head->Apply(texts_);
  }
  for (const ListText& text : list_texts_) {
    Pool(HiddenOf(text.row), encoder_.hidden_size(), options.pooling, options.normalize, text.out);
  }
}

void BatchPass::Forward(LayerObserver* observer) {
  const size_t values = num_tokens() * HiddenSize();
  if (hidden_.size() < values) hidden_ = AlignedBuffer<float>(values);
  encoder_.Forward({.token_ids = batch_.token_ids(),
                    .cu_seqlens = batch_.cu_seqlens(),
                    .token_type_ids = batch_.token_type_ids(),
                    .num_keys = num_keys_,
                    .observer = observer},
                   *workspace_, pool_, std::span<float>(hidden_.data(), values));
  ++batches_run_;
  tokens_run_ += num_tokens();
}

std::span<float> BatchPass::RowOf(const Piece& piece) const {
  if (piece.job->sink != nullptr) return {};
  const size_t width = RowSize(*piece.job);
  return piece.job->out.subspan(piece.index * width, width);
}

std::span<const float> BatchPass::HiddenOf(size_t row) const {
  const auto begin = static_cast<size_t>(batch_.cu_seqlens()[row]) * HiddenSize(),
             end = static_cast<size_t>(batch_.cu_seqlens()[row + 1]) * HiddenSize();
  return std::span(hidden_.data(), hidden_.size()).subspan(begin, end - begin);
}

}  // namespace bantam
