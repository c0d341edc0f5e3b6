#include "api/endpoints/held_output.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/text_util.h"
#include "text/grammar/constraint.h"
#include "text/grammar/gbnf_parser.h"
#include "text/grammar/schema.h"

namespace bantam {
namespace {

using grammar::Grammar;
using Compiled = Result<std::shared_ptr<const Grammar>>;

enum class Kind { kSchema, kRegex, kChoice, kGbnf };

// One thing to hold a text to.
struct Held {
  Kind kind;
  std::string at;  // the field that says it
  json::value value;
};

bool SaysNothing(const json::value* value) {
  return value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty());
}

Error Expected(const Held& held, std::string_view what) {
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected {}", held.at,
             EscapeForTerminal(ToJson(held.value), 80), what);
}

// "response_format": {"type": "json_schema", "json_schema": {"schema": {...}}}
Result<std::optional<Held>> ReadResponseFormat(const JsonObject& body, std::string& at) {
  const json::value* format = body.Find("response_format");
  if (format == nullptr || format->is_null()) return std::optional<Held>();
  at = "response_format";
  BANTAM_TRY(const JsonObject object, body.Object("response_format"));
  BANTAM_TRY(const std::string type, object.String("type"));
  if (type == "text") return std::optional<Held>();
  if (type == "json_object") {
    return std::optional<Held>({Kind::kSchema, "response_format", json::object{{"type", "object"}}});
  }
  if (type != "json_schema") {
    return Err(ErrorCode::kInvalidArgument,
               "\"response_format\" of the type \"{}\" is not known; known: text, json_object, json_schema",
               EscapeForTerminal(type, 40));
  }
  BANTAM_TRY(const JsonObject inner, object.Object("json_schema"));
  const json::value* schema = inner.Find("schema");
  if (schema == nullptr) {
    return Err(ErrorCode::kInvalidArgument, "\"response_format\": \"json_schema\" has no \"schema\"");
  }
  return std::optional<Held>({Kind::kSchema, "response_format", *schema});
}

Result<std::vector<Held>> ReadAll(const JsonObject& body, std::string& at) {
  struct Field {
    const char* key;
    Kind kind;
  };
  static constexpr Field kFields[] = {{"guided_json", Kind::kSchema},   {"guided_regex", Kind::kRegex},
                                      {"guided_choice", Kind::kChoice}, {"guided_grammar", Kind::kGbnf},
                                      {"json_schema", Kind::kSchema},   {"grammar", Kind::kGbnf}};
  static constexpr Field kStructured[] = {
      {"json", Kind::kSchema}, {"regex", Kind::kRegex}, {"choice", Kind::kChoice}, {"grammar", Kind::kGbnf}};
  std::vector<Held> all;
  BANTAM_TRY(std::optional<Held> format, ReadResponseFormat(body, at));
  if (format) all.push_back(*std::move(format));
  for (const Field& field : kFields) {
    const json::value* value = body.Find(field.key);
    if (!SaysNothing(value)) all.push_back({field.kind, field.key, *value});
  }
  if (!SaysNothing(body.Find("structured_outputs"))) {
    at = "structured_outputs";
    BANTAM_TRY(const JsonObject structured, body.Object("structured_outputs"));
    for (const auto& member : structured.raw()) {
      const std::string_view key = member.key();
      const auto* field =
          std::ranges::find(kStructured, key, [](const Field& one) { return std::string_view(one.key); });
      if (field == std::end(kStructured)) {
        if (member.value().is_null()) continue;
        return Err(ErrorCode::kInvalidArgument,
                   "\"structured_outputs\": \"{}\" is not known; known: json, regex, choice, grammar",
                   EscapeForTerminal(key, 40));
      }
      if (!SaysNothing(&member.value())) all.push_back({field->kind, "structured_outputs", member.value()});
    }
  }
  return all;
}

Compiled Compile(const Held& held) {
  switch (held.kind) {
    case Kind::kSchema: {
      if (!held.value.is_string()) return grammar::FromSchema(held.value, held.at, {});
      BANTAM_TRY(const json::value schema, ParseJson(std::string_view(held.value.get_string()), held.at));
      return grammar::FromSchema(schema, held.at, {});
    }
    case Kind::kChoice: {
      if (!held.value.is_array()) return Expected(held, "a list of texts");
      std::vector<std::string> choices;
      for (const json::value& choice : held.value.get_array()) {
        if (!choice.is_string()) return Expected(held, "a list of texts");
        choices.emplace_back(std::string_view(choice.get_string()));
      }
      return grammar::FromChoices(choices, held.at);
    }
    case Kind::kRegex:
    case Kind::kGbnf:
      if (!held.value.is_string()) return Expected(held, "a text");
      const std::string_view text = held.value.get_string();
      return held.kind == Kind::kRegex ? grammar::FromRegex(text, held.at) : grammar::ParseGbnf(text, held.at);
  }
  return Expected(held, "something known");
}

Result<std::shared_ptr<const grammar::Constraint>> Constrain(const Held& held, const Generator& generator) {
  const std::string key = fmt::format("{} {}", static_cast<int>(held.kind), ToJson(held.value));
  auto constraint = generator.Constrain(key, [&] { return Compile(held); });
  // Whatever the reason, it is the request's.
  if (!constraint && constraint.error().code == ErrorCode::kUnsupported) {
    return Error{ErrorCode::kInvalidArgument, constraint.error().message, constraint.error().where};
  }
  return constraint;
}

}  // namespace

Result<std::shared_ptr<const grammar::Constraint>> HoldToSchema(const json::value& schema, const Generator& generator,
                                                                const std::string& at) {
  return Constrain({Kind::kSchema, at, schema}, generator);
}

Result<std::shared_ptr<const grammar::Constraint>> ReadHeldOutput(const JsonObject& body, const Generator& generator,
                                                                  std::string& at) {
  BANTAM_TRY(const std::vector<Held> all, ReadAll(body, at));
  if (all.empty()) return std::shared_ptr<const grammar::Constraint>();
  at = all.front().at;
  if (all.size() > 1) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" and \"{}\" both say what the text must be: send one of them",
               all[0].at, all[1].at);
  }
  return Constrain(all.front(), generator);
}

}  // namespace bantam
