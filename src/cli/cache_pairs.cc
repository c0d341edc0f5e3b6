// bantam cache check-pairs: pairs of questions whose answers may, or must not, be taken for each other, against the
// semantic cache.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "cli/cache_commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "route/pairs/pair_suite.h"
#include "route/route_file.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string file, config;
  bool json = false;
  int threads = 0;
};

struct Suite {
  std::string name;
  std::vector<CachePair> pairs;
};

Result<std::vector<Suite>> Suites(const Options& options) {
  std::vector<Suite> suites;
  if (!options.file.empty()) {
    BANTAM_TRY(std::vector<CachePair> pairs, ReadPairs(options.file));
    suites.push_back({options.file, std::move(pairs)});
    return suites;
  }
  suites.push_back({"the suite that the verifier was written with", BuiltInPairs()});
  suites.push_back({"held out: written after the verifier, which was mended once since", HeldOutPairs()});
  return suites;
}

std::string Percent(size_t part, size_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f} %", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string Text(const Suite& suite, const PairReport& report) {
  const Colours colours(STDOUT_FILENO);
  std::string out = colours.Bold(EscapeForTerminal(suite.name, 400)) + "\n";
  const auto kinds = [&](const std::map<std::string, PairReport::Kind>& of, std::string_view hits) {
    for (const auto& [kind, count] : of)
      out += fmt::format("  {}  {:5} pairs  {:5} {}\n", Column(kind, 14), count.pairs, count.hits, hits);
  };
  kinds(report.misses, "wrong hits");
  kinds(report.paraphrases, "hits");
  for (const PairVerdict& verdict : report.verdicts) {
    if (!verdict.wrong()) continue;
    out += fmt::format("  {} {:.3f}  \"{}\"  \"{}\"\n", colours.Red("wrong hit"), verdict.similarity,
                       EscapeForTerminal(verdict.pair->cached, 120), EscapeForTerminal(verdict.pair->asked, 120));
  }
  out += fmt::format("  {} wrong hits in {} pairs that must miss; {} of {} paraphrases hit ({})\n\n",
                     report.wrong_hits == 0 ? colours.Green("0") : colours.Red(std::to_string(report.wrong_hits)),
                     report.must_miss, report.right_hits, report.may_hit, Percent(report.right_hits, report.may_hit));
  return out;
}

json::object Json(const Suite& suite, const PairReport& report) {
  json::array pairs;
  for (const PairVerdict& verdict : report.verdicts) {
    pairs.push_back(json::object{{"pair", json::array{verdict.pair->cached, verdict.pair->asked}},
                                 {"class", verdict.pair->kind},
                                 {"expect", verdict.pair->may_hit ? "hit" : "miss"},
                                 {"got", verdict.refusal ? "miss" : "hit"},
                                 {"similarity", verdict.similarity},
                                 {"reason", verdict.refusal ? json::value(verdict.refusal->reason) : json::value()}});
  }
  return {{"suite", suite.name},       {"must_miss", report.must_miss},   {"wrong_hits", report.wrong_hits},
          {"may_hit", report.may_hit}, {"right_hits", report.right_hits}, {"hit_rate", report.hit_rate()},
          {"pairs", std::move(pairs)}};
}

Status CheckPairs(const Options& options) {
  std::string encoder = "all-MiniLM-L6-v2";
  EmbedderOptions embed{.num_threads = options.threads};
  SemanticCacheRule rule;
  if (!options.config.empty()) {
    BANTAM_TRY(const RouteFile file, LoadRouteFile(options.config));
    encoder = file.encoder_model;
    BANTAM_TRY(embed.weight_type, ParseWeightType(file.encoder_dtype));
    if (!file.semantic_cache) {
      return Err(ErrorCode::kBadConfig, "{} has no semantic cache; write cache: {{mode: exact_then_semantic}}",
                 EscapeForTerminal(options.config, 400));
    }
    rule = *file.semantic_cache;
  }
  BANTAM_TRY(const std::vector<Suite> suites, Suites(options));
  BANTAM_TRY(const auto verifier,
             PairVerifier::Create(rule.pairs, rule.cross_encoder, {.num_threads = options.threads}));
  BANTAM_TRY(const auto embedder, Embedder::Load(encoder, embed));
  size_t wrong_hits = 0;
  for (const Suite& suite : suites) {
    BANTAM_TRY(const PairReport report, JudgePairs(suite.pairs, *embedder, *verifier));
    wrong_hits += report.wrong_hits;
    BANTAM_RETURN_IF_ERROR(Print(options.json ? ToJson(Json(suite, report)) + "\n" : Text(suite, report)));
  }
  if (wrong_hits > 0)
    return Err(ErrorCode::kCorrupt, "{} pair{} would get a wrong answer from the semantic cache", wrong_hits,
               wrong_hits == 1 ? "" : "s");
  return Ok();
}

}  // namespace

void AddCachePairs(CLI::App& app, std::shared_ptr<Run> chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "check-pairs", "Opposites and paraphrases against the semantic cache: what it would take for the same");
  sub->add_option("file", options->file,
                  "Lines {\"pair\": [\"...\", \"...\"], \"expect\": \"hit\" or \"miss\"}; default: the pairs that come "
                  "with the program")
      ->type_name("FILE");
  sub->add_option("-c,--config", options->config,
                  "Route file whose encoder and cache are checked; default: all-MiniLM-L6-v2 and the defaults")
      ->type_name("FILE");
  sub->add_option("--threads", options->threads, "Threads of the encoder; 0 uses what this process may")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  sub->add_flag("--json", options->json, "One JSON object for each list, with every pair and why it missed");
  sub->footer("Exit status: 0 no wrong hit, 65 some.");
  sub->callback([options, chosen] { *chosen = [options] { return CheckPairs(*options); }; });
}

}  // namespace bantam::cli
