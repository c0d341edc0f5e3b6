// When the tokens of a text came: for the metrics, and for replies that tell it.
#pragma once

#include "api/metrics.h"
#include "base/clock.h"
#include "tasks/generate.h"

namespace bantam {

// One text's. One thread at a time.
class TokenClock {
 public:
  // Tokens have come, of a request that was `received` then.
  void Hear(Metrics& metrics, std::string_view model, MonotonicTime received, const TextEvent& event) {
    const size_t num_tokens = event.tokens.size();
    if (num_tokens == 0) return;
    if (!begun_) {
      begun_ = true;
      first_ = event.at;
      metrics.CountFirstToken(model, Milliseconds(event.at - received));
    } else {
      metrics.CountTokens(model, num_tokens, Milliseconds(event.at - last_) / static_cast<double>(num_tokens));
    }
    last_ = event.at;
  }

  // Of the first and of the newest token; the epoch before there is one.
  MonotonicTime first() const { return first_; }
  MonotonicTime last() const { return last_; }

 private:
  static double Milliseconds(MonotonicTime::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  }

  bool begun_ = false;
  MonotonicTime first_{}, last_{};
};

}  // namespace bantam
