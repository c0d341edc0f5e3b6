#include "engine/draft_model.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "base/clock.h"

namespace bantam {

// A text that is being drafted: what a Sequence keeps for itself, in copies.
struct DraftModel::Draw {
  Draw(const Job& job, int vocab_size)
      : sequence(job.sequence),
        length(static_cast<size_t>(job.length)),
        vocab(vocab_size),
        sampler(job.sequence->sampler.WithoutLogprobs()) {
    if (job.sequence->held) held.emplace(*job.sequence->held);
  }
  // The tokens that the model has not read: of the text, then of the draft.
  int unread() const {
    return sequence->num_tokens() + static_cast<int>(sequence->draft.size()) - sequence->model_cached;
  }
  int32_t TokenAt(int place) const {
    const int in_draft = place - sequence->num_tokens();
    return in_draft < 0 ? sequence->tokens[static_cast<size_t>(place)] : sequence->draft[static_cast<size_t>(in_draft)];
  }
  bool done() const { return ended || sequence->draft.size() >= length; }

  void Choose(std::span<float> logits) {
    Result<TokenChoice> choice = Err(ErrorCode::kInternal, "nothing was chosen");
    if (!held) {
      choice = sampler.Sample(logits);
    } else if (MaskOf(*held, sequence->request, logits.size(), allowed)) {
      choice = sampler.Sample(logits, allowed);
    }
    if (!choice) {
      ended = true;  // the first model will say what is wrong
      return;
    }
    Take(choice->id);
    if (ended || !held) return;
    for (const int32_t forced : held->ForcedTokens()) {
      sampler.Accept(forced);
      Take(forced);
      if (done()) return;
    }
  }
  void Take(int32_t token) {
    if (token >= vocab) {
      ended = true;
      return;
    }
    sequence->draft.push_back(token);
    const auto& stops = sequence->request.stop_ids;
    ended = std::ranges::find(stops, token) != stops.end() || (held && (!held->Accept(token) || held->IsDone()));
  }

  Sequence* sequence;
  size_t length;
  int vocab;  // of this model
  Sampler sampler;
  std::optional<grammar::ConstraintState> held;
  std::vector<uint32_t> allowed;
  bool ended = false;
};

DraftModel::DraftModel(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache, int num_blocks)
    : decoder_(decoder),
      pool_(pool),
      cache_(cache),
      read_(static_cast<size_t>(num_blocks)),
      workspace_(decoder.NewWorkspace()) {}

bool DraftModel::CanRead(const Sequence& sequence, int more) const {
  if (sequence.num_tokens() + more > decoder_.max_positions()) return false;
  // A vocabulary that was padded further, in tokens that no text has.
  return std::ranges::all_of(std::span(sequence.tokens).subspan(static_cast<size_t>(sequence.model_cached)),
                             [&](int32_t id) { return id < decoder_.vocab_size(); });
}

void DraftModel::Begin(Sequence& sequence) const {
  sequence.model_cached = 0;
  for (const int32_t block : sequence.blocks) {
    if (read_[static_cast<size_t>(block)] == 0) break;
    sequence.model_cached += kKvBlockTokens;
  }
}

void DraftModel::BlockPublished(const Sequence& sequence, int index) {
  if (sequence.model_cached < (index + 1) * kKvBlockTokens) return;
  read_[static_cast<size_t>(sequence.blocks[static_cast<size_t>(index)])] = 1;
}

// The part of a sequence that others may share: by itself, so that no two write one block at once. Returns the rows
// that were computed.
int DraftModel::ReadShared(Sequence& sequence, int budget) {
  const int shared = sequence.num_published * kKvBlockTokens;
  int rows = 0;
  while (sequence.model_cached < shared && rows < budget) {
    const auto block = static_cast<size_t>(sequence.model_cached / kKvBlockTokens);
    const int32_t number = sequence.blocks[block];
    const int end = static_cast<int>(block + 1) * kKvBlockTokens;
    if (read_[static_cast<size_t>(number)] != 0) {
      sequence.model_cached = end;
      continue;
    }
    // As many blocks at once as nobody has read and the budget allows.
    int last = end;
    while (last < shared && last - sequence.model_cached + kKvBlockTokens <= budget - rows &&
           read_[static_cast<size_t>(sequence.blocks[static_cast<size_t>(last / kKvBlockTokens)])] == 0) {
      last += kKvBlockTokens;
    }
    const std::array<int32_t, 2> borders = {0, last - sequence.model_cached};
    const std::array<int32_t, 1> cached = {sequence.model_cached};
    const std::array<const int32_t*, 1> tables = {sequence.blocks.data()};
    decoder_.Forward(
        {.token_ids =
             std::span(sequence.tokens).subspan(static_cast<size_t>(cached[0]), static_cast<size_t>(borders[1])),
         .cu_seqlens = borders,
         .num_cached = cached,
         .block_tables = tables,
         .cache = cache_,
         .logits_rows = {}},
        *workspace_, pool_, {});
    for (int at = static_cast<int>(block); at * kKvBlockTokens < last; ++at) {
      read_[static_cast<size_t>(sequence.blocks[static_cast<size_t>(at)])] = 1;
    }
    rows += borders[1];
    sequence.model_cached = last;
  }
  return rows;
}

// rows: how many unread tokens of each are computed. Logits for those that are read to the end.
void DraftModel::Forward(std::span<const Draw> draws, std::span<const int> rows) {
  ids_.clear();
  borders_.assign(1, 0);
  cached_.clear();
  tables_.clear();
  rows_.clear();
  for (size_t i = 0; i < draws.size(); ++i) {
    if (rows[i] == 0) continue;
    const Sequence& sequence = *draws[i].sequence;
    for (int at = 0; at < rows[i]; ++at) ids_.push_back(draws[i].TokenAt(sequence.model_cached + at));
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    cached_.push_back(sequence.model_cached);
    tables_.push_back(sequence.blocks.data());
    if (rows[i] == draws[i].unread()) rows_.push_back(borders_.back() - 1);
  }
  logits_.resize(rows_.size() * static_cast<size_t>(decoder_.vocab_size()));
  decoder_.Forward({.token_ids = ids_,
                    .cu_seqlens = borders_,
                    .num_cached = cached_,
                    .block_tables = tables_,
                    .cache = cache_,
                    .logits_rows = rows_},
                   *workspace_, pool_, logits_);
}

void DraftModel::Draft(std::span<const Job> jobs, int row_budget, int vocab_size) {
  std::vector<Draw> draws;
  draws.reserve(jobs.size());
  for (const Job& job : jobs) {
    job.sequence->draft.clear();
    row_budget -= ReadShared(*job.sequence, row_budget);
    const bool left = job.sequence->model_cached < job.sequence->num_published * kKvBlockTokens;
    if (!left) draws.emplace_back(job, decoder_.vocab_size());
  }
  std::vector<int> rows(draws.size());
  while (true) {
    int num_rows = 0, longest = 0;
    for (size_t i = 0; i < draws.size(); ++i) {
      rows[i] = draws[i].done() ? 0 : std::min(draws[i].unread(), std::max(row_budget, 0));
      row_budget -= rows[i];
      num_rows += rows[i];
      longest = std::max(longest, rows[i]);
    }
    if (num_rows == 0) return;
    const MonotonicTime start = MonotonicNow();
    Forward(draws, rows);
    // Each draw's logits, as wide as the first model's: what the other vocabulary has more is no token, what it has
    // less cannot be drafted.
    const auto own = static_cast<size_t>(decoder_.vocab_size()), width = static_cast<size_t>(vocab_size);
    wide_.resize(rows_.size() * width);
    for (size_t row = 0; row < rows_.size(); ++row) {
      const auto from = logits_.begin() + static_cast<ptrdiff_t>(row * own);
      const auto to = wide_.begin() + static_cast<ptrdiff_t>(row * width);
      std::copy_n(from, std::min(own, width), to);
      if (own < width) {
        std::fill_n(to + static_cast<ptrdiff_t>(own), width - own, -std::numeric_limits<float>::infinity());
      }
    }
    std::vector<Draw*> chosen;
    for (size_t i = 0; i < draws.size(); ++i) {
      const bool whole = rows[i] > 0 && rows[i] == draws[i].unread();
      draws[i].sequence->model_cached += rows[i];
      if (whole) {
        chosen.push_back(&draws[i]);
      } else {
        draws[i].ended = true;
      }
    }
    pool_.Run(static_cast<int>(chosen.size()), [&](int task, int) {
      const auto i = static_cast<size_t>(task);
      chosen[i]->Choose(std::span(wide_).subspan(i * width, width));
    });
    ++passes_;
    // Passes that also read a prompt say nothing of those that do not.
    if (longest <= 8) {
      const double ms = MillisecondsSince(start);
      pass_ms_ += pass_ms_ == 0 ? ms : (std::min(ms, 2 * pass_ms_) - pass_ms_) / 8;
    }
  }
}

}  // namespace bantam
