// bantam route test: the tests of a route file, against the assistant as it would answer.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "base/xml.h"
#include "cli/progress.h"
#include "cli/route_commands.h"
#include "cli/route_data.h"
#include "cli/terminal.h"
#include "route/route_tests.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string config, junit;
  int threads = 0;
  bool json = false;
};

std::string Title(const TestResult& test) {
  const TestTurn& first = test.test->turns.front();
  return EscapeForTerminal(first.say, 100);
}

void DescribeFailure(const RouteFile& file, const TestResult& test, const Colours& colours, std::string& out) {
  const TurnResult& turn = test.turns.back();
  out += fmt::format("{} {}:{}  \"{}\"\n", colours.Red("✗"), EscapeForTerminal(file.path.string(), 400),
                     turn.turn->line, EscapeForTerminal(turn.turn->say, 200));
  if (test.test->turns.size() > 1) {
    out += colours.Dim(fmt::format("    turn {} of {} in the conversation that begins with \"{}\"", test.turns.size(),
                                   test.test->turns.size(), Title(test))) +
           "\n";
  }
  for (const std::string& mismatch : turn.mismatches) out += fmt::format("    {}\n", mismatch);
  size_t shown = 0;
  for (const NearestExample& example : turn.answer.nearest) {
    if (++shown > 3) break;
    out += colours.Dim(fmt::format("    {}  {:.2f}  {}  \"{}\"", shown == 1 ? "nearest" : "       ", example.similarity,
                                   Column(example.route, 20), EscapeForTerminal(example.text, 80))) +
           "\n";
  }
  out += "\n";
}

std::string Text(const RouteFile& file, const TestReport& report) {
  const Colours colours(STDOUT_FILENO);
  std::string out;
  size_t turns = 0, conversations = 0;
  for (const TestResult& test : report.tests) {
    turns += test.turns.size();
    conversations += test.test->turns.size() > 1;
    if (!test.passed()) DescribeFailure(file, test, colours, out);
  }
  const std::string what =
      fmt::format("{} tests ({} conversations, {} turns)", report.tests.size(), conversations, turns);
  if (report.tests.empty()) {
    out += colours.Yellow("no tests") +
           fmt::format(" in {}; add some under \"tests\"\n", EscapeForTerminal(file.path.string(), 400));
  } else if (report.failed() == 0) {
    out += fmt::format("{} {} passed in {:.2f} s\n", colours.Green("✓"), what, report.seconds);
  } else {
    out += fmt::format("{} of {} failed in {:.2f} s\n", colours.Red(std::to_string(report.failed())), what,
                       report.seconds);
  }
  return out;
}

std::string Json(const RouteFile& file, const TestReport& report) {
  json::array failures;
  for (const TestResult& test : report.tests) {
    if (!test.passed()) failures.push_back(FailureJson(test));
  }
  return ToJson(json::object{{"file", file.path.string()},
                             {"tests", report.tests.size()},
                             {"passed", report.tests.size() - report.failed()},
                             {"failed", report.failed()},
                             {"seconds", report.seconds},
                             {"failures", std::move(failures)}}) +
         "\n";
}

std::string JUnit(const RouteFile& file, const TestReport& report) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" "
      "errors=\"0\" "
      "time=\"{:.3f}\">\n",
      EscapeXml(file.name), report.tests.size(), report.failed(), report.seconds);
  for (const TestResult& test : report.tests) {
    out += fmt::format("<testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3f}\"",
                       EscapeXml(file.name), EscapeXml(test.test->turns.front().say), EscapeXml(file.path.string()),
                       test.test->turns.front().line, test.seconds);
    if (test.passed()) {
      out += "/>\n";
      continue;
    }
    const TurnResult& turn = test.turns.back();
    std::string all;
    for (const std::string& mismatch : turn.mismatches) all += mismatch + "\n";
    out += fmt::format("><failure message=\"{}\">line {}, \"{}\"\n{}</failure></testcase>\n",
                       EscapeXml(turn.mismatches.front()), turn.turn->line, EscapeXml(turn.turn->say), EscapeXml(all));
  }
  return out + "</testsuite>\n</testsuites>\n";
}

Status RunTests(const Options& options) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.config));
  RouterOptions router_options{.num_threads = options.threads, .persistent = false, .offline = true};
  TestReport report;
  std::unique_ptr<Router> router;
  {
    ProgressBar bar("testing");
    router_options.progress = [&](std::string_view stage, double fraction) { bar.Update(stage, fraction); };
    BANTAM_TRY(router, Router::Create(std::move(file), std::move(router_options)));
    const auto total = static_cast<double>(std::max<size_t>(1, router->file().tests.size()));
    BANTAM_TRY(report, RunRouteTests(*router, [&](size_t done) {
                 bar.Update("running the tests", static_cast<double>(done) / total);
               }));
  }
  if (!options.junit.empty()) BANTAM_RETURN_IF_ERROR(WriteFileAtomic(options.junit, JUnit(router->file(), report)));
  BANTAM_RETURN_IF_ERROR(Print(options.json ? Json(router->file(), report) : Text(router->file(), report)));
  if (report.failed() > 0) {
    return Err(ErrorCode::kCorrupt, "{} of {} tests of {} failed", report.failed(), report.tests.size(),
               EscapeForTerminal(options.config, 400));
  }
  return Ok();
}

}  // namespace

Run SetUpRouteTest(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->config, "The route file whose tests are run")->required()->type_name("FILE");
  app.add_option("--junit", options->junit, "Also write the results as JUnit XML, for CI")->type_name("FILE");
  app.add_option("--threads", options->threads, "Threads of the encoder; 0 uses what this process may")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_flag("--json", options->json, "Print one JSON object");
  app.footer(
      "No service and no large model is called, nothing is stored: forms count as handed in, a question for a large "
      "model\n"
      "as escalated. Exit status: 0 all passed, 65 some failed, 78 the file is wrong.\n\n"
      "Examples:\n"
      "  bantam route test -c examples/helpdesk/bantam.yaml --junit route-tests.xml");
  return [options] { return RunTests(*options); };
}

}  // namespace bantam::cli
