// When the tokens of a text came: for the metrics, and for replies that tell it.
#pragma once

#include "api/metrics.h"
#include "base/clock.h"

namespace bantam {

// One text's. One thread at a time.
class TokenClock {
 public:
  // `num_tokens` have come now, of a request that was `received` then.
  void Hear(Metrics& metrics, std::string_view model, MonotonicTime received, size_t num_tokens) {
    if (num_tokens == 0) return;
    const MonotonicTime now = MonotonicNow();
    if (!begun_) {
      begun_ = true;
      first_ = now;
      metrics.CountFirstToken(model, MillisecondsSince(received));
    } else {
      const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
      metrics.CountTokens(model, num_tokens, ms / static_cast<double>(num_tokens));
    }
    last_ = now;
  }

  // Of the first and of the newest token; the epoch before there is one.
  MonotonicTime first() const { return first_; }
  MonotonicTime last() const { return last_; }

 private:
  bool begun_ = false;
  MonotonicTime first_{}, last_{};
};

}  // namespace bantam
