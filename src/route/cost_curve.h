// Accuracy against cost, over the thresholds that could be in force: what an assistant would get wrong and what large
// models would cost, by the messages of its own audit log, decided again by the head in force.
//
//   BANTAM_TRY(const CostCurve curve, DrawCostCurve(*router, log, {}));
//
// All messages of the log tell which share goes to a large model. Which share gets a wrong answer only those tell that
// were drawn at random for the audit of `learning`: they stand for all traffic, whoever answered, and each counts by
// one over the chance that it was drawn with. Messages whose right route is known because they were escalated, or
// because somebody complained, are no sample of it; they are counted and left out.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "route/logged_messages.h"
#include "route/router.h"

namespace bantam {

// The thresholds of routes with one of their own, and the error budgets of parents, stay as they are at every point.
struct CurvePoint {
  double threshold = 0;  // infinity: nothing is answered here
  // Shares of all messages, each with an interval that holds the true one with a certainty of 95 %, point by point.
  double escalated = 0, escalated_low = 0, escalated_high = 1;  // that go to a large model
  double accuracy = 0, accuracy_low = 0, accuracy_high = 1;     // that get no wrong answer here
  double wrong_of_answered = 0;                                 // share of what is answered here
  // The escalated share at the mean price of the log; none where it knows no price.
  std::optional<double> cost_per_1000, cost_per_1000_low, cost_per_1000_high;
};

struct CostCurve {
  std::vector<CurvePoint> points;     // by threshold, from 0 to 1; empty: there is nothing to draw
  std::optional<CurvePoint> current;  // as it is in force
  int64_t messages = 0;               // in the log
  int64_t decided = 0;                // of them, those that `escalated` rests on
  int64_t labelled = 0;               // of the messages, those that `accuracy` rests on
  int64_t not_drawn = 0;              // whose right route is known, but which are no sample of all
  std::optional<double> mean_cost;    // of a message that a large model was asked about
  LeftOut left_out;
  std::string why_empty;  // a sentence
};

struct CostCurveOptions {
  int64_t latest_lines = 0;                              // of the log; 0: all
  int64_t limit = 0;                                     // of messages, the latest ones; 0: all
  int64_t most_decided = 0;                              // of each sort, evenly chosen; 0: all
  std::function<Status(AuditRecord& record)> open = {};  // encrypted texts
  std::function<void(double fraction)> progress = {};
  MonotonicTime deadline = MonotonicTime::max();
};

Result<CostCurve> DrawCostCurve(const Router& router, const Path& log, const CostCurveOptions& options);

json::object CurveJson(const CostCurve& curve);

// ---- the arithmetic ----

// What becomes of one message at one threshold. A message may be neither: somebody is asked back.
struct CurveOutcome {
  bool asked = false;     // it goes to a large model
  bool answered = false;  // here
  bool wrong = false;     // so
};

// Counts messages, whose outcomes are given for all the thresholds at once.
class CurveTally {
 public:
  explicit CurveTally(std::vector<double> thresholds)
      : thresholds_(std::move(thresholds)), counts_(thresholds_.size()) {}

  void AddMessage(std::span<const CurveOutcome> outcomes);                      // of all traffic
  void AddLabelled(std::span<const CurveOutcome> outcomes, double propensity);  // > 0: the chance that it was drawn
  std::vector<CurvePoint> Points(std::optional<double> mean_cost) const;
  int64_t messages() const { return messages_; }
  int64_t labelled() const { return labelled_; }

 private:
  struct Counts {
    int64_t asked = 0;
    double answered = 0, wrong = 0;  // weights
    double wrong_squares = 0;        // of weights
  };
  std::vector<double> thresholds_;
  std::vector<Counts> counts_;
  int64_t messages_ = 0, labelled_ = 0;
  double weight_ = 0, squares_ = 0;  // of the labelled ones
};

}  // namespace bantam
