// Schemas that must not hold, of "not", "if" and a "oneOf" whose schemas overlap: as the ways in which they fail, each
// a list of schemas that hold. Keywords for which that cannot be said in schemas are refused.
#include <algorithm>
#include <array>

#include "base/text_util.h"
#include "text/grammar/schema_reader.h"

namespace bantam::grammar {
namespace {

constexpr std::string_view kNoNegation =
    "cannot be negated, which \"not\", \"if\" and a \"oneOf\" whose schemas overlap ask for: use \"anyOf\", or a "
    "required property with a different \"const\" in each";

struct Opposite {
  std::string_view keyword, type, opposite;
};
constexpr std::array kBounds{
    Opposite{"minimum", "number", "exclusiveMaximum"},
    Opposite{"exclusiveMinimum", "number", "maximum"},
    Opposite{"maximum", "number", "exclusiveMinimum"},
    Opposite{"exclusiveMaximum", "number", "minimum"},
    Opposite{"minLength", "string", "maxLength"},
    Opposite{"maxLength", "string", "minLength"},
    Opposite{"minItems", "array", "maxItems"},
    Opposite{"maxItems", "array", "minItems"},
    Opposite{"minProperties", "object", "maxProperties"},
    Opposite{"maxProperties", "object", "minProperties"},
};

// Their failing is one condition, and no case beside others.
bool IsCondition(std::string_view key) { return key == "type" || key == "enum" || key == "const" || key == "pattern"; }

// Neither of those is looked at by itself: "then" and "else" belong to "if".
bool SaysNothing(std::string_view key) { return IsAnnotation(key) || key == "then" || key == "else"; }

// By the draft that "$schema" names some keywords mean nothing: such a schema does not fail by them.
bool IsNewer(std::string_view key, const json::value& value, const json::value& document) {
  const json::object* root = document.if_object();
  const json::value* dialect = root != nullptr ? root->if_contains("$schema") : nullptr;
  if (dialect == nullptr) return false;
  const std::string_view draft = dialect->get_string();  // a text: CheckDocument saw it
  const auto is = [&](std::string_view name) { return draft.find(name) != std::string_view::npos; };
  if (is("draft-04"))
    return key == "const" || key == "contains" || key == "if" || (key.starts_with("exclusive") && value.is_number());
  return key == "if" ? is("draft-06") : key == "prefixItems" && !is("2020-12");
}

bool IsTrue(const json::value& schema) {
  return schema.is_object() ? schema.get_object().empty() : schema.is_bool() && schema.get_bool();
}

}  // namespace

void SchemaReader::AddCases(std::vector<SchemaList> cases, bool decided, std::string where, Merged& out,
                            SchemaList& open) {
  if (cases.empty()) {
    out.never = true;
  } else if (cases.size() == 1) {
    for (const SchemaPart& part : cases.front()) open.push_back({part.schema, decided, part.negated});
  } else if (!decided) {
    out.alternatives.push_back({.cases = std::move(cases), .exclusive = false, .where = std::move(where)});
  }
}

Status SchemaReader::ReadNegated(const json::object& schema, const json::value& self, bool decided, Merged& out,
                                 SchemaList& open) {
  const json::key_value_pair* only = nullptr;
  size_t count = 0;
  for (const auto& member : schema) {
    if (SaysNothing(member.key())) continue;
    if (IsNewer(member.key(), member.value(), document_))
      return Refuse(self, member.key(), "cannot be negated: the draft that \"$schema\" names does not have it");
    only = &member;
    ++count;
  }
  if (count == 1 && IsCondition(only->key()))
    return ReadNegatedCondition(schema, self, only->key(), only->value(), out);
  BANTAM_TRY(const std::vector<SchemaList>* const failures, Failures(schema, self));
  AddCases(*failures, decided, Where(self), out, open);
  return Ok();
}

Status SchemaReader::ReadNegatedCondition(const json::object& schema, const json::value& self, std::string_view key,
                                          const json::value& value, Merged& out) {
  Merged said;
  SchemaList none;
  BANTAM_RETURN_IF_ERROR(ReadKeyword(schema, self, key, value, true, said, none));
  if (key == "type") {
    out.types &= static_cast<uint8_t>(~said.types);
  } else if (key == "pattern") {
    out.types &= kString;
    out.typed = true;
    std::ranges::move(said.strings.patterns, std::back_inserter(out.strings.excluded_patterns));
  } else {
    for (const json::value* each : *said.values) {
      out.excluded.push_back(each);
      if (each->is_string()) out.strings.excluded.emplace_back(each->get_string());
      if (!each->is_number()) continue;
      const std::optional<Decimal> number = Decimal::From(*each);
      if (!number) return Refuse(self, key, "with a number of more than 60 digits cannot be negated");
      out.numbers.excluded.push_back(*number);
    }
  }
  return Ok();
}

Result<const std::vector<SchemaList>*> SchemaReader::Failures(const json::object& schema, const json::value& self) {
  if (const auto at = failures_.find(&self); at != failures_.end()) return &at->second;
  std::vector<SchemaList> cases;
  for (const auto& [key, value] : schema) {
    if (SaysNothing(key)) continue;
    if (IsCondition(key)) {
      BANTAM_TRY(const json::value* const made, MakeFrom(self, {{key, value}}));
      cases.push_back({{made, false, true}});
      continue;
    }
    BANTAM_TRY(std::vector<SchemaList> more, FailuresOf(schema, self, key, value));
    std::ranges::move(more, std::back_inserter(cases));
  }
  return &failures_.emplace(&self, std::move(cases)).first->second;
}

// A copy may be as large as the document, and copied again within.
Result<const json::value*> SchemaReader::MakeFrom(const json::value& self, json::object schema) {
  constexpr size_t kPerByte = 8;
  json::value made = std::move(schema);
  if (!budget_.Spend(100 + ToJson(made).size() * kPerByte)) return Budget::TooMuchWork();
  return &Make(std::move(made), self);
}

Result<std::vector<SchemaList>> SchemaReader::FailuresOf(const json::object& schema, const json::value& self,
                                                         std::string_view key, const json::value& value) {
  std::vector<SchemaList> cases;
  const auto made = [&](json::object object) -> Status {
    BANTAM_TRY(const json::value* const one, MakeFrom(self, std::move(object)));
    return cases.push_back({{one, false, false}}), Ok();
  };
  const auto negated = [](const json::value& one) { return json::object{{"not", one}}; };
  const auto has = [&](std::string_view other) { return schema.contains(other); };

  if (key == "$ref") {
    // Before 2019-09 what stands beside it means nothing.
    if (std::ranges::any_of(schema,
                            [&](const auto& member) { return member.key() != key && !IsAnnotation(member.key()); }))
      return Refuse(self, key, "beside other keywords cannot be negated: write it into \"allOf\"").error();
    BANTAM_TRY(const json::value* const target, Resolve(self, value.get_string()));
    return cases.push_back({{target, false, true}}), cases;
  }
  if (key == "not") return cases.push_back({{&value, false, false}}), cases;
  if (key == "allOf") {
    for (const json::value& each : value.get_array()) cases.push_back({{&each, false, true}});
    return cases;
  }
  if (key == "anyOf" || key == "oneOf") {
    SchemaList none;
    for (const json::value& each : value.get_array()) none.push_back({&each, false, true});
    if (key == "oneOf") {
      if (!budget_.Spend(none.size() * none.size() * 20)) return Budget::TooMuchWork();
      for (size_t i = 0; i < none.size(); ++i) {
        for (size_t k = 0; k < i; ++k)
          cases.push_back({{none[i].schema, false, false}, {none[k].schema, false, false}});
      }
    }
    return cases.push_back(std::move(none)), cases;
  }
  if (key == "if") {
    if (has("then")) cases.push_back({{&value, false, false}, {&schema.at("then"), false, true}});
    if (has("else")) cases.push_back({{&value, false, true}, {&schema.at("else"), false, true}});
    return cases;
  }
  if (key == "required" && value.is_array()) {
    for (const json::value& name : value.get_array()) {
      if (!name.is_string()) return Refuse(self, key, kNoNegation).error();
      BANTAM_RETURN_IF_ERROR(made({{"type", "object"}, {"properties", json::object{{name.get_string(), false}}}}));
    }
    return cases;
  }
  if (key == "properties") {
    BANTAM_TRY(const json::object* const properties, ObjectOf(self, key, value));
    for (const auto& [name, each] : *properties) {
      if (IsTrue(each)) continue;
      BANTAM_RETURN_IF_ERROR(made({{"type", "object"},
                                   {"required", json::array{json::string(name)}},
                                   {"properties", json::object{{name, negated(each)}}}}));
    }
    return cases;
  }
  if (const auto at = std::ranges::find(kBounds, key, &Opposite::keyword); at != kBounds.end()) {
    if (at->type == "number") {
      if (value.is_bool()) return cases;  // draft-04: told with the bound itself
      const json::value* strict = schema.if_contains(key == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum");
      const bool is_strict =
          !key.starts_with("exclusive") && strict != nullptr && strict->is_bool() && strict->get_bool();
      const std::string_view opposite = !is_strict ? at->opposite : key == "minimum" ? "maximum" : "minimum";
      BANTAM_RETURN_IF_ERROR(made({{"type", at->type}, {opposite, value}}));
      return cases;
    }
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    if (key.starts_with("max")) {
      BANTAM_RETURN_IF_ERROR(made({{"type", at->type}, {at->opposite, std::min(count, UINT64_MAX - 1) + 1}}));
    } else if (count > 0) {
      BANTAM_RETURN_IF_ERROR(made({{"type", at->type}, {at->opposite, count - 1}}));
    }
    return cases;
  }
  if (key == "items" && !value.is_array() && !has("prefixItems")) {
    if (!IsTrue(value)) BANTAM_RETURN_IF_ERROR(made({{"type", "array"}, {"contains", negated(value)}}));
    return cases;
  }
  if (key == "prefixItems" && !has("items")) {
    json::array prefix;
    for (const json::value& each : value.is_array() ? value.get_array() : json::array()) {
      prefix.push_back(negated(each));
      if (!IsTrue(each))
        BANTAM_RETURN_IF_ERROR(made({{"type", "array"}, {"prefixItems", prefix}, {"minItems", prefix.size()}}));
      prefix.back() = true;
    }
    return cases;
  }
  if (key == "contains" && !has("minContains") && !has("maxContains")) {
    BANTAM_RETURN_IF_ERROR(made({{"type", "array"}, {"items", negated(value)}}));
    return cases;
  }
  if ((key == "additionalProperties" || key == "unevaluatedProperties" || key == "unevaluatedItems") && IsTrue(value))
    return cases;
  if (key == "uniqueItems" && value.is_bool() && !value.get_bool()) return cases;
  return Refuse(self, key, kNoNegation).error();
}

}  // namespace bantam::grammar
