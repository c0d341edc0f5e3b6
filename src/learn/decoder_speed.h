// How fast decoders read a prompt and write on.
#pragma once

#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "models/decoder.h"

namespace bantam {

struct DecoderSpeed {
  double prefill_per_s = 0, decode_per_s = 0;  // tokens, of a prompt of 128 and one after the other
};

// Of each, in turn, the median of some rounds. The prompt is shorter where the first takes less.
Result<std::vector<DecoderSpeed>> MeasureSpeeds(const std::vector<const Decoder*>& decoders, ThreadPool& pool,
                                                const std::function<void(double fraction)>& progress);

}  // namespace bantam
