// bantam route explain: why a text is decided as it is.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "cli/progress.h"
#include "cli/route_commands.h"
#include "cli/route_data.h"
#include "cli/terminal.h"
#include "route/budget_report.h"
#include "route/router.h"
#include "route/suggest.h"
#include "tasks/holds_text.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string config;
  std::vector<std::string> texts;
  std::string early_exit;
  std::string cached;  // an earlier question, whose answer is asked for
  int threads = 0;
  bool json = false;
};

std::string Text(const std::string& text, const Explanation& e) {
  const Colours colours(STDOUT_FILENO);
  const Understanding& u = e.understanding;
  const bool chosen = !e.route.empty();
  std::string out = fmt::format("\"{}\"\n\n", EscapeForTerminal(text, 400));
  const std::string headline = chosen ? colours.Green(e.route) : colours.Yellow("no route");
  out += fmt::format("  {}  {}, {}\n", headline, DecisionKindName(e.decision), EscapeForTerminal(e.action, 120));
  for (const std::string& reason : e.reasons) out += fmt::format("  {}\n", EscapeForTerminal(reason, 400));
  for (const ExplainedRequest& request : e.requests) {
    out += fmt::format("    \"{}\": {}  {}, {} ({:.3f})\n", EscapeForTerminal(request.text, 200),
                       colours.Green(request.route), DecisionKindName(request.decision),
                       EscapeForTerminal(request.action, 120), request.confidence);
  }
  out += fmt::format("  out of scope {:.3f}\n", u.out_of_scope);
  if (u.prediction_set.size() > 1)
    out += fmt::format("  could mean {}\n", EscapeForTerminal(QuotedList(u.prediction_set), 400));
  if (u.num_layers > 0) {
    out += u.exit_layer > 0 ? fmt::format("  decided after layer {} of {}: the others would say the same\n",
                                          u.exit_layer, u.num_layers)
                            : fmt::format("  decided after all {} layers\n", u.num_layers);
  }
  out += "\n";
  size_t width = 12;
  for (const NearestExample& example : u.nearest) width = std::max(width, std::min<size_t>(example.route.size(), 28));
  out += colours.Dim("  the head, if the question is in scope at all") + "\n";
  for (const RankedRoute& ranked : u.ranking) {
    out += fmt::format("    {:.3f}  {}  {}\n", ranked.probability, Bar(ranked.probability, 20),
                       EscapeForTerminal(ranked.route, 64));
  }
  out += "\n" +
         colours.Dim(u.exit_layer > 0 ? "  nearest examples of the route, by cosine after that layer"
                                      : "  nearest examples, by cosine") +
         "\n";
  for (const NearestExample& example : u.nearest) {
    out += fmt::format("    {:.3f}  {}  {}  {}\n", example.similarity, Bar(example.similarity, 20),
                       Column(example.route, width), EscapeForTerminal(example.text, 100));
  }
  if (u.nearest_out_of_scope > -1) {
    out += fmt::format("    {:.3f}  {}  {}\n", u.nearest_out_of_scope, Bar(u.nearest_out_of_scope, 20),
                       colours.Dim("the nearest out-of-scope example"));
  }
  return out;
}

json::object Json(const std::string& text, const Explanation& e) {
  const Understanding& u = e.understanding;
  json::array ranking, nearest;
  for (const RankedRoute& ranked : u.ranking)
    ranking.push_back(json::object{{"route", ranked.route}, {"probability", ranked.probability}});
  for (const NearestExample& example : u.nearest) {
    nearest.push_back(
        json::object{{"text", example.text}, {"route", example.route}, {"similarity", example.similarity}});
  }
  json::array set(u.prediction_set.begin(), u.prediction_set.end()), options(e.options.begin(), e.options.end()),
      reasons(e.reasons.begin(), e.reasons.end());
  json::object object{{"text", text},
                      {"route", e.route.empty() ? json::value() : json::value(e.route)},
                      {"decision", DecisionKindName(e.decision)},
                      {"action", e.action},
                      {"likeliest", u.route},
                      {"confidence", u.confidence},
                      {"threshold", e.threshold},
                      {"threshold_from", e.threshold_from},
                      {"p_correct", u.confidence},
                      {"prediction_set", std::move(set)},
                      {"options", std::move(options)},
                      {"budget", BudgetJson(e.budget)},
                      {"calibration_id", e.calibration_id.empty() ? json::value() : json::value(e.calibration_id)},
                      {"reasons", std::move(reasons)},
                      {"out_of_scope", u.out_of_scope},
                      {"tokens", u.num_tokens},
                      {"exit_layer", u.exit_layer > 0 ? json::value(u.exit_layer) : json::value()},
                      {"num_layers", u.num_layers},
                      {"ranking", std::move(ranking)},
                      {"nearest", std::move(nearest)}};
  if (!e.requests.empty()) {
    json::array requests;
    for (const ExplainedRequest& request : e.requests) {
      requests.push_back(json::object{{"text", request.text},
                                      {"route", request.route},
                                      {"decision", DecisionKindName(request.decision)},
                                      {"action", request.action},
                                      {"confidence", request.confidence}});
    }
    object["requests"] = std::move(requests);
  }
  object["nearest_out_of_scope"] = u.nearest_out_of_scope <= -1 ? json::value() : json::value(u.nearest_out_of_scope);
  return object;
}

// Whether the answer to the earlier question would be given to this one, and why not.
struct CachedVerdict {
  double similarity = 0;
  std::string why_not;  // empty: it would
};

Result<CachedVerdict> JudgeCached(Router& router, const PairVerifier& verifier, const std::string& cached,
                                  const std::string& text) {
  const std::vector<std::string> texts = {cached, text};
  BANTAM_TRY(const std::vector<Explanation> both, router.ExplainAll(texts, {}));
  CachedVerdict verdict{Cosine(both[0].understanding.vector, both[1].understanding.vector), {}};
  if (both[0].route != both[1].route) {
    const auto name = [](const std::string& route) {
      return route.empty() ? std::string("no route") : fmt::format("\"{}\"", route);
    };
    verdict.why_not = fmt::format("the one is about {}, the other about {}", name(both[0].route), name(both[1].route));
  } else if (auto refusal = verifier.Verify(cached, text, verdict.similarity)) {
    verdict.why_not = std::move(refusal->reason);
  }
  return verdict;
}

std::string CachedText(const std::string& cached, const CachedVerdict& verdict) {
  return fmt::format("\n  what a large model said to \"{}\" {} (similarity {:.3f})\n", EscapeForTerminal(cached, 200),
                     verdict.why_not.empty() ? "would be given to it"
                                             : "would not be given to it: " + EscapeForTerminal(verdict.why_not, 400),
                     verdict.similarity);
}

json::object CachedJson(const std::string& cached, const CachedVerdict& verdict) {
  return {{"question", cached},
          {"similarity", verdict.similarity},
          {"hit", verdict.why_not.empty()},
          {"reason", verdict.why_not.empty() ? json::value() : json::value(verdict.why_not)}};
}

Status ExplainTexts(const Options& options) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.config));
  RouterOptions router_options{.num_threads = options.threads, .persistent = false, .offline = true};
  if (!options.early_exit.empty()) {
    BANTAM_TRY(router_options.max_disagreement, ParseDisagreement(options.early_exit));
  }
  std::unique_ptr<PairVerifier> verifier;
  if (!options.cached.empty()) {
    if (!file.semantic_cache) {
      return Err(ErrorCode::kBadConfig,
                 "--cached: {} has no semantic cache; write cache: {{mode: exact_then_semantic}}",
                 EscapeForTerminal(options.config, 400));
    }
    BANTAM_TRY(verifier, PairVerifier::Create(file.semantic_cache->pairs, file.semantic_cache->cross_encoder,
                                              {.num_threads = options.threads}));
  }
  std::unique_ptr<Router> router;
  {
    ProgressBar bar("explaining");
    router_options.progress = [&](std::string_view stage, double fraction) { bar.Update(stage, fraction); };
    BANTAM_TRY(router, Router::Create(std::move(file), std::move(router_options)));
  }
  for (size_t i = 0; i < options.texts.size(); ++i) {
    if (!HoldsText(router->embedder().tokenizer(), options.texts[i]))
      return Err(ErrorCode::kInvalidArgument, "text {} holds nothing to explain; write what somebody might ask", i + 1);
    BANTAM_TRY(const Explanation explanation, router->Explain(options.texts[i]));
    json::object object = Json(options.texts[i], explanation);
    std::string text = (i > 0 ? "\n" : "") + Text(options.texts[i], explanation);
    if (verifier) {
      BANTAM_TRY(const CachedVerdict verdict, JudgeCached(*router, *verifier, options.cached, options.texts[i]));
      object["cached"] = CachedJson(options.cached, verdict);
      text += CachedText(options.cached, verdict);
    }
    const std::string out = options.json ? ToJson(object) + "\n" : text;
    BANTAM_RETURN_IF_ERROR(Print(out));
  }
  return Ok();
}

}  // namespace

Run SetUpRouteExplain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->config, "The route file")->required()->type_name("FILE");
  app.add_option("text", options->texts, "What somebody might ask; several are explained one after the other")
      ->required()
      ->type_name("TEXT");
  app.add_option("--threads", options->threads, "Threads of the encoder; 0 uses what this process may")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--early-exit", options->early_exit,
                 "Share of decisions that early exits may change, as N%, or off; default: the route file's")
      ->type_name("N%");
  app.add_option("--cached", options->cached,
                 "An earlier question: also say whether the semantic cache would give its answer, and why not")
      ->type_name("QUESTION");
  app.add_flag("--json", options->json, "Print one JSON object a text");
  app.footer(
      "Nothing is answered, called or stored.\n\n"
      "Examples:\n"
      "  bantam route explain -c examples/helpdesk/bantam.yaml \"where's my money\"\n"
      "  bantam route explain -c bantam.yaml --cached \"how do I enable 2FA\" \"how do I disable 2FA\"");
  return [options] { return ExplainTexts(*options); };
}

}  // namespace bantam::cli
