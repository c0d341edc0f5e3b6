// bantam grammar: whether a schema, grammar or pattern can be enforced, which texts it has, and texts of it at random.
#include <CLI/CLI.hpp>
#include <random>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/grammar_options.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/sample.h"
#include "text/grammar/schema.h"

namespace bantam::cli {
namespace {

constexpr size_t kMostTokens = 2'000;

struct Options {
  GrammarOptions held;
  std::vector<std::string> texts;
  int samples = 0;
  uint64_t seed = 0;
  bool batch = false;
};

struct Trial {
  std::vector<std::string> texts;
  int samples = 0;
  uint64_t seed = 0;
};

json::object Try(const std::shared_ptr<const grammar::Grammar>& compiled, const Trial& trial) {
  const auto constraint = grammar::Constraint::Create(compiled, grammar::ByteTokens());
  json::array accepts, samples;
  for (const std::string& text : trial.texts) {
    grammar::ConstraintState state(constraint);
    accepts.push_back(state.AcceptBytes(text).has_value() && state.CanEnd());
  }
  std::mt19937_64 random(trial.seed);
  int unfinished = 0;
  for (int i = 0; i < trial.samples; ++i) {
    std::optional<std::string> text = grammar::RandomText(constraint, random, kMostTokens);
    if (text) {
      samples.push_back(json::string(*text));
    } else {
      ++unfinished;
    }
  }
  return {{"states", compiled->num_states()},
          {"accepts", std::move(accepts)},
          {"samples", std::move(samples)},
          {"unfinished", unfinished}};
}

Result<json::object> TryLine(std::string_view line, size_t number) {
  const std::string name = fmt::format("line {}", number);
  BANTAM_TRY(const json::value document, ParseJson(line, name, {.max_depth = 100}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, name));
  Trial trial;
  if (const json::value* texts = object.Find("texts"); texts != nullptr) {
    BANTAM_TRY(const json::array* const list, object.Array("texts"));
    for (const json::value& text : *list) {
      if (!text.is_string())
        return Err(ErrorCode::kInvalidArgument, "{}: \"texts\" holds something else than texts", name);
      trial.texts.emplace_back(text.get_string());
    }
  }
  BANTAM_TRY(const int64_t samples, object.IntOr("samples", 0, 0, 100'000));
  BANTAM_TRY(const int64_t seed, object.IntOr("seed", 0, 0, INT64_MAX));
  trial.samples = static_cast<int>(samples);
  trial.seed = static_cast<uint64_t>(seed);
  Result<std::shared_ptr<const grammar::Grammar>> compiled =
      Err(ErrorCode::kInvalidArgument, "{}: no \"schema\", \"grammar\", \"regex\" or \"choices\"", name);
  if (const json::value* schema = object.Find("schema")) {
    BANTAM_TRY(const bool narrow, object.BoolOr("narrow", true));
    BANTAM_TRY(const bool loose, object.BoolOr("loose_spaces", false));
    compiled = grammar::FromSchema(*schema, "schema", {.narrow = narrow, .loose_spaces = loose});
  } else if (object.Has("grammar")) {
    BANTAM_TRY(const std::string text, object.String("grammar"));
    compiled = grammar::ParseGbnf(text, "grammar");
  } else if (object.Has("regex")) {
    BANTAM_TRY(const std::string text, object.String("regex"));
    compiled = grammar::FromRegex(text, "regex");
  } else if (object.Has("choices")) {
    BANTAM_TRY(const json::array* const list, object.Array("choices"));
    std::vector<std::string> choices;
    for (const json::value& each : *list)
      choices.emplace_back(each.is_string() ? std::string(each.get_string()) : ToJson(each));
    compiled = grammar::FromChoices(choices, "choices");
  }
  if (!compiled) return compiled.error();
  return Try(*compiled, trial);
}

Status RunBatch() {
  BANTAM_TRY(LineReader reader, LineReader::Open("-"));
  for (size_t number = 1;;) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(64));
    if (lines.empty()) return Ok();
    std::string out;
    for (const std::string& line : lines) {
      const Result<json::object> done = TryLine(line, number++);
      out += ToJson(done ? *done
                         : json::object{{"error", json::object{{"code", ErrorCodeName(done.error().code)},
                                                               {"message", done.error().message}}}}) +
             "\n";
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
  }
}

Status RunGrammar(const Options& options) {
  EndQuietlyOnClosedPipe();
  if (options.batch) return RunBatch();
  if (!options.held.any())
    return Err(ErrorCode::kInvalidArgument, "nothing to check: give --schema, --grammar, --regex or --choice");
  BANTAM_TRY(const std::shared_ptr<const grammar::Grammar> compiled, options.held.Compile());
  const json::object done = Try(compiled, {.texts = options.texts, .samples = options.samples, .seed = options.seed});
  std::string out;
  for (size_t i = 0; i < options.texts.size(); ++i) {
    out +=
        fmt::format("{}\t{}\n", done.at("accepts").as_array()[i].get_bool() ? "accepted" : "refused", options.texts[i]);
  }
  for (const json::value& sample : done.at("samples").as_array()) out += std::string(sample.get_string()) + "\n";
  if (out.empty()) out = fmt::format("can be enforced ({} states)\n", compiled->num_states());
  return Print(out);
}

}  // namespace

Run SetUpGrammar(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->held.AddTo(app);
  app.add_option("--accepts", options->texts, "Tell whether these texts are of it");
  app.add_option("--sample", options->samples, "Print so many texts of it, made at random")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--seed", options->seed, "Of the samples");
  app.add_flag("--batch", options->batch,
               "One JSON object a line on standard input: schema, grammar, regex or choices; texts, samples, seed");
  app.footer(
      "Examples:\n"
      "  bantam grammar --schema person.json\n"
      "  bantam grammar --regex '[a-z]+@[a-z]+' --accepts a@b --sample 3");
  return [options] { return RunGrammar(*options); };
}

}  // namespace bantam::cli
