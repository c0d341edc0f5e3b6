// Fuzz target of constrained output: the first byte says what the rest is (a JSON Schema, a grammar, a pattern), which
// is compiled or refused; of what compiles, texts made at random must be accepted, and those of a schema must be JSON.
// With clang and -DBANTAM_FUZZ=ON, from the repository's root:
//
//   build/fuzz/src/text/grammar_fuzz -timeout=5 -max_len=65536 src/text/fuzz/grammar_corpus
//
// Without, grammar_replay_test.cc runs it over the corpus and over seeded mutations of it.
#include "text/fuzz/grammar_fuzz.h"

#include "base/check.h"
#include "base/json.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/sample.h"
#include "text/grammar/schema.h"

namespace bantam::text {
namespace {

Result<std::shared_ptr<const grammar::Grammar>> Compile(char kind, std::string_view text) {
  if (kind == 'g') return grammar::ParseGbnf(text, "g");
  if (kind == 'r') return grammar::FromRegex(text, "r");
  BANTAM_TRY(const json::value schema, ParseJson(text, "s"));
  return grammar::FromSchema(schema, "s", {.narrow = kind == 's', .loose_spaces = kind == 'l'});
}

}  // namespace

void FuzzGrammar(std::string_view input) {
  if (input.empty()) return;
  const char kind = input.front();
  const auto compiled = Compile(kind, input.substr(1));
  if (!compiled) {
    BANTAM_CHECK(compiled.error().code != ErrorCode::kInternal, "{}", compiled.error().message);
    return;
  }
  const auto constraint = grammar::Constraint::Create(*compiled, grammar::ByteTokens());
  std::mt19937_64 random(input.size());
  for (int i = 0; i < 3; ++i) {
    const std::optional<std::string> text = grammar::RandomText(constraint, random, 200);
    if (!text) continue;
    grammar::ConstraintState state(constraint);
    BANTAM_CHECK(state.AcceptBytes(*text).has_value() && state.CanEnd());
    if (kind == 'g' || kind == 'r') continue;
    const auto document = ParseJson(*text, "text", {.max_depth = 1000});
    // Names that are not declared may come twice: most readers take the last.
    BANTAM_CHECK(document.has_value() || document.error().message.find("duplicate key") != std::string::npos, "{}: {}",
                 *text, document.error().message);
  }
}

}  // namespace bantam::text

#ifdef BANTAM_FUZZ_TARGET
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bantam::text::FuzzGrammar({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
