#include "route/audit_explain.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/text_util.h"
#include "route/audit_format.h"
#include "route/feedback.h"

namespace bantam {
namespace {

std::string Safe(std::string_view text, size_t max_bytes = 600) { return EscapeForTerminal(text, max_bytes); }

std::string RouteWords(const AuditRecord& r) {
  return r.route.empty() ? std::string("no route") : fmt::format("the route \"{}\"", Safe(r.route));
}

// "with confidence 0.931, at or above the threshold 0.700"
std::string Confidence(const AuditRecord& r) {
  if (!std::isfinite(r.threshold)) {
    return fmt::format(
        "with confidence {:.3f}, and no confidence would have done: the calibration messages could not "
        "show that the error budget holds",
        r.confidence);
  }
  return fmt::format("with confidence {:.3f}, {} the threshold {:.3f}", r.confidence,
                     r.confidence >= r.threshold ? "at or above" : "below", r.threshold);
}

// "A person said that the answer was wrong: the right route is ..."
std::string FeedbackWords(const AuditRecord& r) {
  std::string out = fmt::format("A person said that the answer was {}", Safe(r.outcome));
  if (r.outcome == "right" || r.route.empty()) return out + ".";
  return out + (r.route == kOutOfScopeLabel ? std::string(": it is about none of the routes.")
                                            : fmt::format(": the right one is {}.", RouteWords(r)));
}

// What a record that is no answer tells.
std::string OtherWords(const AuditRecord& r) {
  if (r.decision == kFeedbackDecision) return FeedbackWords(r);
  if (r.decision == kQueueDecision) {
    return fmt::format("A person took the question out of the queue for the large model {}, which was not asked.",
                       Safe(r.model));
  }
  if (r.decision == kLearningDecision) return fmt::format("A person {}: {}.", Safe(r.outcome), Safe(r.problem));
  if (r.outcome != "ok") {
    return fmt::format("The teacher {} was asked which route the message is about, and did not say ({}).",
                       Safe(r.model), Safe(r.outcome));
  }
  return fmt::format("The teacher {} finds the message to be about {}. That cost {:.6f}.", Safe(r.model),
                     r.route == kOutOfScopeLabel ? std::string("none of the routes") : RouteWords(r), r.cost);
}

// "those older than 2026-08-01 12:00:00 UTC, of the conversation ab12..."
std::string PurgeWords(const PurgeNote& purge) {
  std::string out = "those";
  if (purge.before_us) {
    const std::string time = FormatTime(*purge.before_us);
    out += fmt::format(" older than {} {} UTC", time.substr(0, 10), time.substr(11, 8));
  }
  if (!purge.session_hash.empty()) out += fmt::format(" of the conversation {}", Safe(purge.session_hash));
  if (!purge.request_id.empty()) out += fmt::format(" of the request {}", Safe(purge.request_id));
  return out;
}

// Who answered, and why it was that one.
std::string Reason(const AuditRecord& r) {
  if (r.source == "rule" && r.decision != "form") {
    return fmt::format(
        "A rule answered: who asked had said that {} was meant. The large model was not asked to decide.",
        RouteWords(r));
  }
  if (r.source == "rule") {
    // The nearest examples are there when the encoder looked whether the message was an answer to the form at all.
    return fmt::format("A rule answered: it was a turn of a form in progress ({}). {}The large model was not asked.",
                       RouteWords(r),
                       r.nearest.empty() ? "" : "The encoder looked whether the message meant another route. ");
  }
  if (r.source == "cache" && r.similar) {
    return fmt::format(
        "The intent head chose {} {}. What the large model had said to a question of the same meaning was given again "
        "(similarity "
        "{:.3f}; every check of the verifier found them the same).",
        RouteWords(r), Confidence(r), r.similar->similarity);
  }
  if (r.source == "cache") {
    return fmt::format(
        "The answer came from the cache: the same question had been answered before, under the same route file, head "
        "and "
        "tenant, by {} {}.",
        RouteWords(r), Confidence(r));
  }
  std::string reason =
      r.route.empty() ? fmt::format("The intent head was not sure of any route: its best guess came {}.", Confidence(r))
                      : fmt::format("The intent head chose {} {}.", RouteWords(r), Confidence(r));
  if (r.source == "upstream") {
    reason += fmt::format(" {} the large model{}{} was asked{}.",
                          r.confidence >= r.threshold ? "That route leaves the answer to a large model:" : "Therefore",
                          r.model.empty() ? "" : " ", Safe(r.model), r.outcome == "ok" ? " and answered" : "");
    return reason;
  }
  if (r.decision == "clarify") {
    reason += " A few routes were left, so the assistant asked which of them was meant.";
  } else if (r.decision == "unsure") {
    reason += " No large model answered, so the assistant said that it is not sure and offered the nearest routes.";
  } else if (r.decision == "form") {
    reason += " That route fills a form, whose next question was the answer.";
  } else if (r.decision == "escalate") {
    reason += " That route hands the question on.";
  } else {
    reason += " So it was answered here, by that route's action.";
  }
  return reason;
}

// What became of a stored question like this one, where it was not simply given again.
std::string SimilarWords(const AuditRecord& r) {
  if (!r.similar || r.similar->verdict == "hit") return {};
  if (r.similar->verdict == "refused") {
    return fmt::format("A stored question was like it (similarity {:.3f}), and its answer was not given: {}.",
                       r.similar->similarity,
                       r.similar->reason.empty() ? fmt::format("the check \"{}\" failed", Safe(r.similar->check))
                                                 : Safe(r.similar->reason));
  }
  const std::string_view said = r.similar->verdict == "audited_same"        ? "it said the same"
                                : r.similar->verdict == "audited_different" ? "it said something else"
                                                                            : "whether it said the same is not known";
  return fmt::format(
      "The cache had an answer to a question like it (similarity {:.3f}); the large model was asked again all the "
      "same, to know how often that is wrong: {}.",
      r.similar->similarity, said);
}

std::string Outcome(const AuditRecord& r) {
  const std::string problem = r.problem.empty() ? std::string() : fmt::format(" In words: {}.", Safe(r.problem));
  if (r.outcome == "ok") return problem.empty() ? std::string() : "It went well in the end." + problem;
  if (r.outcome == "cancelled") return "The client went away before the answer was complete; nothing of it was kept.";
  if (r.outcome == "upstream_truncated") {
    return fmt::format("The large model broke off in the middle of its answer ({}).{} Nothing of it was cached.",
                       Safe(r.outcome), problem);
  }
  if (r.outcome.starts_with("upstream_")) {
    return fmt::format("The large model did not give a whole answer ({}).{} Nothing of it was cached.", Safe(r.outcome),
                       problem);
  }
  return fmt::format("The outcome was {}.{}", Safe(r.outcome), problem);
}

}  // namespace

std::string ExplainDecision(const AuditRecord& r) {
  std::string text;
  const auto line = [&](std::string_view words) { (text += words) += '\n'; };
  const std::string time = FormatTime(r.time_us);
  if (r.purge) {
    line(fmt::format("The texts of {} records were taken out of the log on {} at {} UTC (record {} of the log): {}.",
                     r.purge->records, time.substr(0, 10), time.substr(11, 12), r.sequence, PurgeWords(*r.purge)));
    line(fmt::format("The record's own hash is {}.", Safe(r.hash)));
    return text;
  }
  if (!IsAnswer(r)) {
    line(fmt::format("{} {} was {} on {} at {} UTC (record {} of the log).",
                     r.decision == kLearningDecision && r.route.empty() ? "Event" : "Request", Safe(r.request_id),
                     r.decision == kFeedbackDecision ? "judged"
                     : r.decision == kLabelDecision  ? "labelled"
                                                     : "noted",
                     time.substr(0, 10), time.substr(11, 12), r.sequence));
    line(OtherWords(r));
    line(fmt::format("The record's own hash is {}.", Safe(r.hash)));
    return text;
  }
  line(fmt::format("Request {} was decided on {} at {} UTC (record {} of the log).", Safe(r.request_id),
                   time.substr(0, 10), time.substr(11, 12), r.sequence));
  line(Reason(r));
  if (const std::string similar = SimilarWords(r); !similar.empty()) line(similar);
  if (const std::string outcome = Outcome(r); !outcome.empty()) line(outcome);
  if (r.prediction_set.size() > 1) {
    std::string routes;
    for (const std::string& route : r.prediction_set) routes += (routes.empty() ? "" : ", ") + Safe(route);
    line(fmt::format("It could have meant: {}.", routes));
  }
  if (r.propensity)
    line(fmt::format("It was drawn, with a chance of {:g}, to be shown to the teacher as well.", *r.propensity));
  if (r.budget) {
    line(fmt::format(
        "The error budget in force: at most {:g} % wrong among the answers, {:g} % certain, certified on {} "
        "messages (calibration {}).",
        100 * r.budget->max_error, 100 * (1 - r.budget->delta), r.budget->num_calibration, Safe(r.calibration_id)));
  }
  if (!r.nearest.empty()) line("The nearest examples were:");
  for (const NearestExample& example : r.nearest) {
    line(fmt::format("  {:.3f}  \"{}\"  ({})", example.similarity, Safe(example.text, 200), Safe(example.route)));
  }
  line(fmt::format("It took {:.1f} ms and cost {}.", r.latency_ms,
                   r.cost == 0 ? std::string("nothing") : fmt::format("{:.6f}", r.cost)));
  if (!r.session_hash.empty()) line(fmt::format("It belongs to the conversation {}.", Safe(r.session_hash)));
  if (r.purged_by != 0) {
    line(fmt::format("The texts were taken out of the log, as the record purge-{} says.", r.purged_by));
  } else if (!r.sealed.empty()) {
    line(fmt::format("The texts are encrypted with the key {}, which is not at hand.", Safe(r.key_id)));
  } else if (r.question.empty() && r.answer.empty()) {
    line(fmt::format("The texts are not kept; the SHA-256 of the question is {} and of the answer {}.",
                     Safe(r.question_sha256), Safe(r.answer_sha256)));
  } else {
    line(fmt::format("Question (SHA-256 {}): {}", Safe(r.question_sha256), Safe(r.question, 2'000)));
    line(fmt::format("Answer (SHA-256 {}): {}", Safe(r.answer_sha256), Safe(r.answer, 4'000)));
  }
  line(fmt::format("In force were the route file with SHA-256 {} and the head with SHA-256 {}.",
                   Safe(r.route_file_sha256), r.head_sha256.empty() ? "(none)" : Safe(r.head_sha256)));
  line(fmt::format("The record's own hash is {}.", Safe(r.hash)));
  return text;
}

}  // namespace bantam
