#include "learn/decoder_speed.h"

#include <algorithm>

#include "base/clock.h"
#include "learn/decoder_pass.h"

namespace bantam {

Result<std::vector<DecoderSpeed>> MeasureSpeeds(const std::vector<const Decoder*>& decoders, ThreadPool& pool,
                                                const std::function<void(double fraction)>& progress) {
  constexpr int kPrompt = 128, kTokens = 16, kRounds = 5;
  const Decoder& first = *decoders.front();
  const int prompt = std::min(kPrompt, first.max_positions() / 2), tokens = std::min(kTokens, prompt / 2);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < prompt + tokens; ++i) {
    ids.push_back(static_cast<int32_t>((i * 104'729 + 1) % first.vocab_size()));
  }
  const std::span<const int32_t> all = ids;
  std::vector<std::vector<double>> prompt_ms(decoders.size()), token_ms(decoders.size());
  for (int round = 0; round < kRounds; ++round) {
    for (size_t which = 0; which < decoders.size(); ++which) {
      BANTAM_TRY(DecoderPass pass, DecoderPass::Create(*decoders[which], pool, prompt + tokens));
      const MonotonicTime start = MonotonicNow();
      pass.Next(all.first(static_cast<size_t>(prompt)), 0, 1);
      prompt_ms[which].push_back(MillisecondsSince(start));
      const MonotonicTime middle = MonotonicNow();
      for (int i = 0; i < tokens; ++i) pass.Next(all.subspan(static_cast<size_t>(prompt + i), 1), prompt + i, 1);
      token_ms[which].push_back(MillisecondsSince(middle));
    }
    if (progress) progress((round + 1.0) / kRounds);
  }
  const auto per_s = [](std::vector<double>& times, int count) {
    std::ranges::nth_element(times, times.begin() + kRounds / 2);
    return 1e3 * count / times[kRounds / 2];
  };
  std::vector<DecoderSpeed> speeds;
  for (size_t which = 0; which < decoders.size(); ++which) {
    speeds.push_back({per_s(prompt_ms[which], prompt), per_s(token_ms[which], tokens)});
  }
  return speeds;
}

}  // namespace bantam
