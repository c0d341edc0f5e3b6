// TEMPORARY copy until the lead's lands.
#pragma once

#include <limits>
#include <span>
#include <string>

namespace bantam {

struct ErrorBudget {
  double max_error = 0.02;
  double delta = 0.05;
};

struct CalibrationPoint {
  int label = -1;
  double confidence = 0;
  bool right = false;
};

struct Certificate {
  bool supported = false;
  double threshold = std::numeric_limits<double>::infinity();
  int num_points = 0, num_answered = 0, num_errors = 0;
  double upper_bound = 1;
  int missing = 0;
};

Certificate Certify(std::span<const CalibrationPoint> points, const ErrorBudget& budget);
std::string CalibrationId(std::span<const CalibrationPoint> points);

}  // namespace bantam
