#include "cli/grammar_options.h"

#include <CLI/CLI.hpp>

#include "base/file_io.h"
#include "base/text_util.h"
#include "text/grammar/constraint.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/schema.h"

namespace bantam::cli {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

}  // namespace

void GrammarOptions::AddTo(CLI::App& app) {
  auto* one =
      app.add_option("--schema", schema, "JSON Schema that the text is a document of: a file, or the schema itself")
          ->type_name("FILE");
  auto* two = app.add_option("--grammar", grammar, "Grammar that the text is of (GBNF): a file")->type_name("FILE");
  auto* three = app.add_option("--regex", regex, "Pattern that the whole text matches");
  auto* four = app.add_option("--choice", choices, "The text is one of these; A,B or several times")->delimiter(',');
  for (auto* option : {one, two, three, four}) {
    option->group("Held to");
    for (auto* other : {one, two, three, four}) {
      if (other != option) option->excludes(other);
    }
  }
}

Result<std::shared_ptr<const grammar::Grammar>> GrammarOptions::Compile() const {
  if (!schema.empty()) {
    const size_t first = schema.find_first_not_of(" \t\r\n");
    const bool inline_text = first != std::string::npos && (schema[first] == '{' || schema == "true");
    std::string text = schema, name = "--schema";
    if (!inline_text) {
      BANTAM_TRY(text, ReadFile(schema, kMaxBytes));
      name = EscapeForTerminal(schema, 400);
    }
    BANTAM_TRY(const json::value document, ParseJson(text, name));
    return grammar::FromSchema(document, name, {});
  }
  if (!grammar.empty()) {
    BANTAM_TRY(const std::string text, ReadFile(grammar, kMaxBytes));
    return grammar::ParseGbnf(text, EscapeForTerminal(grammar, 400));
  }
  if (!regex.empty()) return grammar::FromRegex(regex, "--regex");
  if (!choices.empty()) return grammar::FromChoices(choices, "--choice");
  return std::shared_ptr<const grammar::Grammar>();
}

Result<std::shared_ptr<const grammar::Constraint>> GrammarOptions::For(const Generator& generator) const {
  BANTAM_TRY(std::shared_ptr<const grammar::Grammar> compiled, Compile());
  if (compiled == nullptr) return std::shared_ptr<const grammar::Constraint>();
  return generator.Constrain(std::move(compiled));
}

}  // namespace bantam::cli
