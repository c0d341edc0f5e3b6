#include "route/cost_curve.h"

#include <algorithm>
#include <cmath>

#include "learn/binomial.h"
#include "route/actions/action.h"
#include "route/audit_reader.h"
#include "route/decision.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

constexpr double kConfidence = 0.95;
constexpr size_t kTextsAtOnce = 256;
// A smaller chance is no file's explore_rate, and one such message would outweigh all others.
constexpr double kLeastPropensity = 1e-6;

// Round numbers for a route file, closer together where confidences are.
std::vector<double> Thresholds() {
  std::vector<double> thresholds;
  for (int thousandths = 0; thousandths <= 1000;) {
    thresholds.push_back(thousandths / 1000.0);
    thousandths += thousandths < 900 ? 20 : thousandths < 990 ? 5 : 1;
  }
  return thresholds;
}

// The policy in force but for the bar of routes without one of their own, which is each of `thresholds` in turn. With
// an error budget parents keep the bars that they are certified for.
std::vector<DecisionPolicy> PoliciesAt(std::span<const double> thresholds, const RouteFile& file,
                                       const DecisionPolicy& policy) {
  RouteFile moved;
  for (const Route& route : file.routes) {
    Route& same = moved.routes.emplace_back();
    same.name = route.name;
    if (const auto own = policy.own().find(route.name); own != policy.own().end())
      same.confidence_threshold = own->second.threshold;
    const auto is_child = [&](const Route& other) { return other.parent == route.name; };
    if (policy.by_budget() && std::ranges::any_of(file.routes, is_child))
      same.confidence_threshold = policy.BarOfParent(route.name).threshold;
  }
  std::vector<DecisionPolicy> policies;
  for (const double threshold : thresholds) {
    moved.confidence_threshold = threshold;
    policies.emplace_back(moved, threshold, Calibration());
  }
  return policies;
}

// A share of weights: those of the hits and of all, and the same squared.
struct WeightedShare {
  double hits, hits_squared, total, total_squared;
};

// Clopper and Pearson's interval, exact where all weigh the same. Otherwise it is that of as many equal trials as make
// the estimate as uncertain (the smaller of Kish's and of Korn and Graubard's effective number), rounded to the safe
// side.
BinomialInterval IntervalOf(const WeightedShare& share) {
  constexpr double kRounding = 1e-4;
  const double p = share.hits / share.total, all = share.total * share.total;
  const double variance = share.hits_squared * (1 - 2 * p) + p * p * share.total_squared;
  double trials = all / share.total_squared;
  if (variance > 0) trials = std::min(trials, p * (1 - p) * all / variance);
  const auto n = std::max<int64_t>(1, static_cast<int64_t>(trials + kRounding));
  const double at = p * static_cast<double>(n);
  const auto below = std::clamp<int64_t>(static_cast<int64_t>(std::floor(at + kRounding)), 0, n);
  const auto above = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(at - kRounding)), 0, n);
  return {BinomialConfidence(below, n, kConfidence).low, BinomialConfidence(above, n, kConfidence).high};
}

CurveOutcome OutcomeOf(const RouteFile& file, const Judgement& judgement, const std::string& right_route) {
  CurveOutcome outcome;
  if (judgement.route == nullptr) {
    outcome.asked = judgement.options.empty() && !file.fallback_upstream.empty();
    return outcome;
  }
  outcome.asked = judgement.route->action->kind() == DecisionKind::kEscalate;
  outcome.answered = !outcome.asked;
  outcome.wrong = outcome.answered && !file.IsWithin(right_route, judgement.route->name);
  return outcome;
}

bool IsKnown(const RouteFile& file, const std::string& label) {
  return label == kOutOfScopeLabel || file.FindRoute(label) != nullptr;
}

// One message to be decided again, and what it tells.
struct Chosen {
  const LoggedMessage* message;
  bool counts = false;               // as one of all
  std::optional<double> propensity;  // as one whose right route is known
};

// Every so many, so that at most `most` are left and stand for all as well as before.
size_t Stride(size_t count, int64_t most) {
  return most == 0 ? 1 : std::max<size_t>(1, (count + static_cast<size_t>(most) - 1) / static_cast<size_t>(most));
}

// Drawn, and labelled because of it: one that a person alone said something about was chosen by that person.
bool IsSampled(const RouteFile& file, const LoggedMessage& message) {
  return message.by_teacher && IsKnown(file, message.right_route) &&
         message.record.propensity.value_or(0) >= kLeastPropensity;
}

std::vector<Chosen> Choose(const RouteFile& file, const std::vector<LoggedMessage>& messages, int64_t most) {
  const auto sampled = static_cast<size_t>(
      std::ranges::count_if(messages, [&](const LoggedMessage& message) { return IsSampled(file, message); }));
  const size_t every = Stride(messages.size(), most), every_sampled = Stride(sampled, most);
  std::vector<Chosen> chosen;
  size_t sampled_before = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    Chosen one{.message = &messages[i], .counts = i % every == 0, .propensity = {}};
    if (IsSampled(file, messages[i]) && sampled_before++ % every_sampled == 0)
      one.propensity = messages[i].record.propensity;
    if (one.counts || one.propensity) chosen.push_back(one);
  }
  return chosen;
}

// As the router would decide, but for messages with several requests, which are decided as one.
Status Decide(const Router& router, std::span<const Chosen> chosen, std::span<const DecisionPolicy> policies,
              const CostCurveOptions& options, CurveTally& tally) {
  const RouteFile& file = router.file();
  std::vector<CurveOutcome> outcomes(policies.size());
  for (size_t begin = 0; begin < chosen.size(); begin += kTextsAtOnce) {
    if (options.progress) options.progress(static_cast<double>(begin) / static_cast<double>(chosen.size()));
    const std::span<const Chosen> some = chosen.subspan(begin, std::min(kTextsAtOnce, chosen.size() - begin));
    std::vector<std::string> texts;
    for (const Chosen& one : some) texts.push_back(one.message->record.question);
    BANTAM_TRY(std::vector<Understanding> all,
               router.parts().intents->UnderstandAll(texts, EmbedCall(options.deadline)));
    for (size_t i = 0; i < some.size(); ++i) {
      for (size_t at = 0; at < policies.size(); ++at) {
        Judgement judgement = Judge(file, policies[at], std::move(all[i]));
        outcomes[at] = OutcomeOf(file, judgement, some[i].message->right_route);
        all[i] = std::move(judgement.understanding);
      }
      if (some[i].counts) tally.AddMessage(outcomes);
      if (some[i].propensity) tally.AddLabelled(outcomes, *some[i].propensity);
    }
  }
  return Ok();
}

std::string WhyNoMessages(const LeftOut& left_out) {
  if (left_out.without_texts > 0)
    return "The audit log holds no texts that could be decided again: keep them with audit: {content: text}.";
  if (left_out.other_texts > 0)
    return "The texts of the audit log are masked, so that they cannot be decided again as they were said.";
  return "The audit log has no messages yet.";
}

std::string WhyNoLabels(const RouteFile& file, const CostCurve& curve, int64_t drawn) {
  if (drawn > 0) {
    return fmt::format(
        "{} messages were drawn for the audit, and the teacher has not said yet which route is right for them.", drawn);
  }
  const std::string known =
      curve.not_drawn == 0
          ? std::string()
          : fmt::format(" The right route is known of {}, but they are no sample of all.", curve.not_drawn);
  if (file.learning && file.learning->explore_rate > 0)
    return "No message of the audit log was drawn for the audit yet (learning: {explore_rate: ...})." + known;
  return "How often the assistant is right only a random audit tells: turn it on with learning: {explore_rate: 0.01}." +
         known;
}

json::value Nullable(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? json::value(*number) : json::value();
}

json::object PointJson(const CurvePoint& point) {
  return {{"threshold", Nullable(point.threshold)},
          {"escalated", point.escalated},
          {"escalated_low", point.escalated_low},
          {"escalated_high", point.escalated_high},
          {"accuracy", point.accuracy},
          {"accuracy_low", point.accuracy_low},
          {"accuracy_high", point.accuracy_high},
          {"wrong_of_answered", point.wrong_of_answered},
          {"cost_per_1000", Nullable(point.cost_per_1000)},
          {"cost_per_1000_low", Nullable(point.cost_per_1000_low)},
          {"cost_per_1000_high", Nullable(point.cost_per_1000_high)}};
}

}  // namespace

void CurveTally::AddMessage(std::span<const CurveOutcome> outcomes) {
  ++messages_;
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i].asked += outcomes[i].asked;
}

void CurveTally::AddLabelled(std::span<const CurveOutcome> outcomes, double propensity) {
  const double weight = 1 / propensity;
  ++labelled_;
  weight_ += weight;
  squares_ += weight * weight;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (outcomes[i].answered) counts_[i].answered += weight;
    if (!outcomes[i].wrong) continue;
    counts_[i].wrong += weight;
    counts_[i].wrong_squares += weight * weight;
  }
}

std::vector<CurvePoint> CurveTally::Points(std::optional<double> mean_cost) const {
  std::vector<CurvePoint> points;
  if (messages_ == 0 || labelled_ == 0) return points;
  for (size_t i = 0; i < counts_.size(); ++i) {
    const Counts& counts = counts_[i];
    CurvePoint& point = points.emplace_back();
    point.threshold = thresholds_[i];
    point.escalated = static_cast<double>(counts.asked) / static_cast<double>(messages_);
    const BinomialInterval escalated = BinomialConfidence(counts.asked, messages_, kConfidence);
    point.escalated_low = escalated.low;
    point.escalated_high = escalated.high;
    const BinomialInterval wrong = IntervalOf({counts.wrong, counts.wrong_squares, weight_, squares_});
    point.accuracy = 1 - counts.wrong / weight_;
    point.accuracy_low = 1 - wrong.high;
    point.accuracy_high = 1 - wrong.low;
    point.wrong_of_answered = counts.answered > 0 ? counts.wrong / counts.answered : 0;
    if (!mean_cost) continue;
    point.cost_per_1000 = 1000 * *mean_cost * point.escalated;
    point.cost_per_1000_low = 1000 * *mean_cost * point.escalated_low;
    point.cost_per_1000_high = 1000 * *mean_cost * point.escalated_high;
  }
  return points;
}

Result<CostCurve> DrawCostCurve(const Router& router, const Path& log, const CostCurveOptions& options) {
  const RouteFile& file = router.file();
  CostCurve curve;
  if (file.fallback_upstream.empty()) {
    curve.why_empty =
        "No large model is asked where the head is not sure, so no threshold changes what it costs: name one with "
        "decision: {nlu_fallback: ...}.";
    return curve;
  }
  BANTAM_TRY(
      const LoggedMessages loaded,
      ReadLoggedMessages(log, {.limit = options.limit, .latest_lines = options.latest_lines, .open = options.open}));
  curve.left_out = loaded.left_out;
  curve.mean_cost = loaded.mean_cost();
  curve.messages = std::ssize(loaded.messages);
  int64_t drawn = 0;
  for (const LoggedMessage& message : loaded.messages) {
    drawn += message.record.propensity.value_or(0) >= kLeastPropensity;
    curve.not_drawn += IsKnown(file, message.right_route) && !IsSampled(file, message);
  }
  const std::vector<Chosen> chosen = Choose(file, loaded.messages, options.most_decided);
  if (loaded.messages.empty()) {
    curve.why_empty = WhyNoMessages(loaded.left_out);
  } else if (std::ranges::none_of(chosen, [](const Chosen& one) { return one.propensity.has_value(); })) {
    curve.why_empty = WhyNoLabels(file, curve, drawn);
  }
  if (!curve.why_empty.empty()) return curve;

  std::vector<double> thresholds = Thresholds();
  std::vector<DecisionPolicy> policies = PoliciesAt(thresholds, file, router.policy());
  thresholds.push_back(router.policy().common().threshold);
  policies.push_back(router.policy());
  CurveTally tally(std::move(thresholds));
  BANTAM_RETURN_IF_ERROR(Decide(router, chosen, policies, options, tally));
  curve.decided = tally.messages();
  curve.labelled = tally.labelled();
  curve.points = tally.Points(curve.mean_cost);
  curve.current = std::move(curve.points.back());
  curve.points.pop_back();
  return curve;
}

json::object CurveJson(const CostCurve& curve) {
  json::array points;
  for (const CurvePoint& point : curve.points) points.push_back(PointJson(point));
  return {{"points", std::move(points)},
          {"current", curve.current ? json::value(PointJson(*curve.current)) : json::value()},
          {"labelled", curve.labelled},
          {"messages", curve.messages},
          {"decided", curve.decided},
          {"not_drawn", curve.not_drawn},
          {"skipped", LeftOutJson(curve.left_out)},
          {"confidence", kConfidence},
          {"mean_cost", Nullable(curve.mean_cost)},
          {"why_empty", curve.why_empty}};
}

}  // namespace bantam
