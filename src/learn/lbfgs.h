// L-BFGS: minimises a smooth function of many variables from its value and gradient alone (Nocedal and Wright, chapter
// 7).
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace bantam {

struct LbfgsOptions {
  int max_iterations = 200;
  int memory = 20;  // pairs kept; 20 needs a tenth fewer evaluations than 10 on an intent head, 40 gains no more
  double tolerance = 1e-6;  // stop when no gradient component is larger
  // How exact f's value is, relative. Below this a difference of two values is noise, and the slope has to say whether
  // a step is good (Hager and Zhang's approximate Wolfe condition). 0: the value is exact in double precision.
  double value_noise = 0;
  std::function<void(int iteration, double largest_gradient)> progress;
};

struct LbfgsResult {
  double value = 0;
  double largest_gradient = 0;
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;  // false: out of iterations, or no step improves the value (rounding has the last word)
};

// f(x, gradient) -> value; gradient has x's size. x is the start on entry and the minimiser on return. The function
// should be convex: a step's curvature is then positive without a second condition on the line search. Runs on the
// calling thread, in a fixed order of additions: the same f gives the same bits.
LbfgsResult MinimizeLbfgs(const std::function<double(std::span<const double> x, std::span<double> gradient)>& f,
                          std::vector<double>& x, const LbfgsOptions& options);

}  // namespace bantam
