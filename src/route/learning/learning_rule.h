// What the route file says about learning from traffic: the key `learning`.
#pragma once

#include <string>

namespace bantam {

struct LearningRule {
  bool from_escalations = true;     // messages that the head was not sure of become candidates
  bool from_feedback = true;        // and those for which a person named the right route
  std::string teacher = {};         // the model_name that says which route a message is about
  double explore_rate = 0.01;       // share of all messages whose label is asked for, whatever was decided
  bool review = true;               // a candidate is learned from only once a person has accepted it
  double upper_bound_error = 0.02;  // a challenger is promoted only if it errs in at most this share of its answers,
                                    // shown on audited messages,
  double min_coverage_gain = 0.01;  // and answers this share of all messages more than the current head
  int keep = 5;                     // earlier heads that stay for a rollback
  bool watch_drift = true;          // once there are audited messages to compare with; the file says no `drift`
};

}  // namespace bantam
