// Whether the messages that come are still like those that the error budget was certified on. When they are not, its
// promise lapses; what can be done is to notice, to say so, and to be more careful until they are again.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace bantam {

struct DriftRule {
  int window = 500;            // messages that are judged together
  double false_alarm = 0.001;  // chance of an alarm about one window of messages that have not changed
};

struct DriftFinding {
  bool drifted = false;
  double distance = 0;  // between the confidences of the window and of the calibration (Kolmogorov and Smirnov's)
  double limit = 0;     // that it exceeds with the chance `false_alarm` when nothing has changed
  double mean = 0, calibration_mean = 0;  // of the confidences
};

// Thread-safe. The windows follow each other without overlap, so that one alarm says nothing about the next.
class DriftWatch {
 public:
  // Few calibration messages make the limit wide, not the alarm false. None: nothing is ever found.
  DriftWatch(std::vector<double> calibration_confidences, const DriftRule& rule);

  // A message that was decided on. A finding when it filled a window.
  std::optional<DriftFinding> Add(double confidence);

 private:
  DriftFinding Judge();

  const DriftRule rule_;
  std::vector<double> calibration_;  // sorted
  double calibration_mean_ = 0;
  std::mutex mutex_;
  std::vector<double> window_;
};

}  // namespace bantam
