// What text is held to, as the command line says it: --schema, --grammar, --regex or --choice.
#pragma once

#include <string>
#include <vector>

#include "tasks/generate.h"

namespace CLI {
class App;
}

namespace bantam::cli {

struct GrammarOptions {
  std::string schema, grammar, regex;
  std::vector<std::string> choices;

  void AddTo(CLI::App& app);
  bool any() const { return !schema.empty() || !grammar.empty() || !regex.empty() || !choices.empty(); }
  // Null without any of them.
  Result<std::shared_ptr<const grammar::Grammar>> Compile() const;
  Result<std::shared_ptr<const grammar::Constraint>> For(const Generator& generator) const;
};

}  // namespace bantam::cli
