// The adapters of a step's rows, applied product by product.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "models/batch_plan.h"
#include "models/lora_adapter.h"
#include "models/row_buffer.h"

namespace bantam {

// One entry for each row, or empty where no row has adapters.
using AdapterRows = std::span<const LoraUses>;

inline AdapterRows PartOf(AdapterRows rows, Range part) {
  return rows.empty() ? rows : rows.subspan(static_cast<size_t>(part.begin), static_cast<size_t>(part.size()));
}

// body(run, uses) for each longest run of rows with equal adapters, those without any included.
template <typename Body>
void ForRuns(AdapterRows rows, const Body& body) {
  const int count = static_cast<int>(rows.size());
  for (int begin = 0, end = 0; begin < count; begin = end) {
    const LoraUses& uses = rows[static_cast<size_t>(begin)];
    for (end = begin + 1; end < count; ++end) {
      const LoraUses& other = rows[static_cast<size_t>(end)];
      if (other.data() != uses.data() && !std::ranges::equal(other, uses)) break;
    }
    body(Range{begin, end}, uses);
  }
}

// out += what the rows' adapters add to linear(x). `between` is scratch.
inline void AddAdapters(const Kernels& kernels, const Linear& linear, AdapterRows rows, const Activations& x,
                        const Activations& out, RowBuffer& between, const Parallel& parallel) {
  ForRuns(rows, [&](Range run, LoraUses uses) {
    for (const LoraUse& use : uses) {
      for (const LowRank& product : use.adapter->Of(linear)) {
        between.Reserve(run.size(), product.a.out_features, false);
        AddLowRank(kernels, product, use.scale, x.From(run.begin), out.From(run.begin), run.size(), parallel,
                   between.rows());
      }
    }
  });
}

// The same for the words of the rows.
inline void AddWordAdapters(const Kernels& kernels, AdapterRows rows, std::span<const int32_t> token_ids,
                            const Activations& out, RowBuffer& between, const Parallel& parallel) {
  ForRuns(rows, [&](Range run, LoraUses uses) {
    for (const LoraUse& use : uses) {
      const LoraAdapter::Words* words = use.adapter->OfWords();
      if (words == nullptr) continue;
      const int rank = words->product.b.in_features;
      between.Reserve(run.size(), rank, false);
      const Activations to = between.rows();
      for (int i = 0; i < run.size(); ++i) {
        const auto id = static_cast<size_t>(token_ids[static_cast<size_t>(run.begin + i)]);
        const std::span<const float> row =
            words->rows.subspan(id * static_cast<size_t>(rank), static_cast<size_t>(rank));
        std::ranges::transform(row, to.values + i * to.stride, [&](float value) { return use.scale * value; });
      }
      AddFromRank(kernels, words->product, to, out.From(run.begin), run.size(), parallel);
    }
  });
}

}  // namespace bantam
