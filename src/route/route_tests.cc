#include "route/route_tests.h"

#include <cmath>

#include "base/text_util.h"
#include "route/pairs/pair_verifier.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

std::string Quoted(std::string_view text) {
  return text.empty() ? "nothing" : fmt::format("\"{}\"", EscapeForTerminal(text, 200));
}

bool DecisionIsMet(const std::string& expected, const AssistantAnswer& answer) {
  if (expected == DecisionKindName(answer.decision)) return true;
  return expected == "unsure" && answer.decision == DecisionKind::kEscalate && answer.route.empty();
}

// "(0.41, threshold 0.60)"
std::string Confidence(const AssistantAnswer& answer) {
  if (!std::isfinite(answer.threshold)) return fmt::format("({:.2f}, no confidence would do)", answer.confidence);
  return fmt::format("({:.2f}, threshold {:.2f})", answer.confidence, answer.threshold);
}

std::vector<std::string> Mismatches(const Expectation& expect, const AssistantAnswer& answer,
                                    const std::string& likeliest) {
  std::vector<std::string> out;
  if (expect.route && *expect.route != answer.route) {
    std::string got = Quoted(answer.route);
    if (answer.route.empty() && !likeliest.empty())
      got = fmt::format("no route, \"{}\" is below its threshold", likeliest);
    out.push_back(fmt::format("route: expected \"{}\", got {} {}", *expect.route, got, Confidence(answer)));
  }
  if (expect.decision && !DecisionIsMet(*expect.decision, answer)) {
    out.push_back(fmt::format(
        "decision: expected \"{}\", got \"{}\"{}", *expect.decision, DecisionKindName(answer.decision),
        answer.route.empty() ? std::string() : fmt::format(" by route \"{}\" {}", answer.route, Confidence(answer))));
  }
  const bool here = answer.decision != DecisionKind::kEscalate && answer.decision != DecisionKind::kUnsure;
  if (expect.not_here && here) {
    out.push_back(fmt::format(
        "must_escalate: {} {}{}", answer.decision == DecisionKind::kClarify ? "asked back" : "answered here",
        answer.route.empty() ? "" : fmt::format("by route \"{}\" ", answer.route), Confidence(answer)));
  }
  const std::string asked = answer.form ? answer.form->asked : "";
  if (expect.slot && *expect.slot != asked) {
    out.push_back(fmt::format("slot: expected \"{}\" to be asked for, got {}", *expect.slot, Quoted(asked)));
  }
  if (expect.text && answer.text.find(*expect.text) == std::string::npos) {
    out.push_back(
        fmt::format("text: expected {} in the answer, which is {}", Quoted(*expect.text), Quoted(answer.text)));
  }
  return out;
}

// What the cache would do, without one: the keys of the two questions, then what they mean.
class CachePairs {
 public:
  explicit CachePairs(Router& router) : router_(router) {}

  Result<std::vector<std::string>> Mismatches(const TestTurn& turn) {
    BANTAM_TRY(const std::string why_not, WhyNot(turn.expect.cached, turn.say));
    const bool hit = why_not.empty();
    if (hit == *turn.expect.cache_hit) return std::vector<std::string>();
    return std::vector<std::string>{fmt::format(
        "cache_pair: expected a {}, but the answer to {} {}", hit ? "miss" : "hit", Quoted(turn.expect.cached),
        hit ? "would be given" : fmt::format("would not be given ({})", EscapeForTerminal(why_not, 400)))};
  }

 private:
  // Empty: the answer to `cached` would be given to `asked`.
  Result<std::string> WhyNot(const std::string& cached, const std::string& asked) {
    const RouteFile& file = router_.file();
    if (!file.cache_enabled) return std::string("the cache is off");
    if (NormalizeQuestion(asked) == NormalizeQuestion(cached)) return std::string();
    if (!file.semantic_cache) return std::string("they are other words, and the cache's mode is exact");
    if (!verifier_) {
      BANTAM_TRY(verifier_, PairVerifier::Create(file.semantic_cache->pairs, file.semantic_cache->cross_encoder, {}));
    }
    const std::vector<std::string> texts = {cached, asked};
    BANTAM_TRY(const std::vector<Explanation> both, router_.ExplainAll(texts, {}));
    if (both[0].route != both[1].route)
      return fmt::format("the routes are {} and {}", Quoted(both[0].route), Quoted(both[1].route));
    const double similarity = Cosine(both[0].understanding.vector, both[1].understanding.vector);
    const auto refusal = verifier_->Verify(cached, asked, similarity);
    return refusal ? refusal->reason : std::string();
  }

  Router& router_;
  std::unique_ptr<PairVerifier> verifier_;
};

}  // namespace

size_t TestReport::failed() const {
  size_t count = 0;
  for (const TestResult& test : tests) count += !test.passed();
  return count;
}

json::object FailureJson(const TestResult& failed) {
  const TurnResult& turn = failed.turns.back();
  json::array mismatches, nearest;
  for (const std::string& mismatch : turn.mismatches) mismatches.emplace_back(mismatch);
  for (const NearestExample& example : turn.answer.nearest) {
    nearest.push_back(
        json::object{{"text", example.text}, {"route", example.route}, {"similarity", example.similarity}});
  }
  return {{"line", turn.turn->line},
          {"say", turn.turn->say},
          {"turn", failed.turns.size()},
          {"mismatches", std::move(mismatches)},
          {"route", turn.answer.route},
          {"likeliest", turn.likeliest.empty() ? turn.answer.route : turn.likeliest},
          {"decision", DecisionKindName(turn.answer.decision)},
          {"confidence", turn.answer.confidence},
          {"threshold", turn.answer.threshold},
          {"text", turn.answer.text},
          {"nearest", std::move(nearest)}};
}

Result<TestReport> RunRouteTests(Router& router, const std::function<void(size_t done)>& progress) {
  TestReport report;
  CachePairs pairs(router);
  const MonotonicTime start = MonotonicNow();
  for (const RouteTest& test : router.file().tests) {
    const MonotonicTime test_start = MonotonicNow();
    TestResult& result = report.tests.emplace_back();
    result.test = &test;
    for (const TestTurn& turn : test.turns) {
      if (turn.expect.cache_hit) {
        TurnResult& pair = result.turns.emplace_back();
        pair.turn = &turn;
        BANTAM_TRY(pair.mismatches, pairs.Mismatches(turn));
        break;  // a test of its own
      }
      AssistantRequest request;
      request.messages.push_back({"user", turn.say});
      request.session_id = fmt::format("test-{}", report.tests.size());
      request.request_id = fmt::format("test-{}-{}", report.tests.size(), result.turns.size() + 1);
      TurnResult& outcome = result.turns.emplace_back();
      outcome.turn = &turn;
      BANTAM_TRY(outcome.answer, router.Answer(request, {}));
      if (outcome.answer.source == AnswerSource::kLocalModel && outcome.answer.route.empty()) {
        BANTAM_TRY(const Explanation explanation, router.Explain(turn.say));
        outcome.likeliest = explanation.understanding.route;
      }
      outcome.mismatches = Mismatches(turn.expect, outcome.answer, outcome.likeliest);
      if (!outcome.mismatches.empty()) break;
    }
    result.seconds = MillisecondsSince(test_start) / 1e3;
    if (progress) progress(report.tests.size());
  }
  report.seconds = MillisecondsSince(start) / 1e3;
  return report;
}

}  // namespace bantam
