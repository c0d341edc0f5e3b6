#include "text/grammar/schema_compiler.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/text_util.h"
#include "text/grammar/regex_parser.h"

namespace bantam::grammar {
namespace {

constexpr size_t kMostBranches = 1'000;

SchemaList EachOnce(const SchemaList& list) {
  std::set<SchemaPart> seen;
  SchemaList out;
  for (const SchemaPart& part : list) {
    if (seen.insert(part).second) out.push_back(part);
  }
  return out;
}

}  // namespace

Result<uint32_t> SchemaCompiler::Run() {
  BANTAM_RETURN_IF_ERROR(reader_.CheckDocument());
  uint32_t root = 0;
  if (options_.as_arguments) {
    BANTAM_TRY(root, builder_.AddRule(name_));
    BANTAM_RETURN_IF_ERROR(AddArguments(root));
  } else {
    SchemaList list{{&document_, false}};
    if (options_.only_objects) list.push_back({&reader_.Make(json::object{{"type", "object"}}, document_), false});
    BANTAM_TRY(root, RuleOf(std::move(list)));
  }
  while (!open_.empty()) {
    const auto [list, rule] = std::move(open_.front());
    open_.pop_front();
    Status done = Compile(list, rule);
    if (!done) {
      if (done.error().message.starts_with(name_)) return done.error();
      return Err(done.error().code, "{}: {}", list.empty() ? name_ : reader_.Where(*list.front().schema),
                 done.error().message);
    }
  }
  return root;
}

// Apart from RuleOf: a reference to the whole document means an object, as within any other.
Status SchemaCompiler::AddArguments(uint32_t rule) {
  BANTAM_TRY(const Merged merged, reader_.Merge({{&document_, false}}));
  if (merged.never) return Ok();
  if (!merged.alternatives.empty() || merged.values || (TypesOf(merged, options_.narrow) & kObject) == 0) {
    return reader_.Refuse(
        document_, "parameters",
        "are no object of properties (alternatives, \"enum\", another type), and so cannot be written "
        "as a call's arguments");
  }
  return AddObject(merged, builder_.start(rule), builder_.final(rule), true);
}

const json::value* SchemaCompiler::Alike(const json::value& schema) {
  constexpr size_t kMostKeywords = 8;
  const json::object* object = schema.if_object();
  if (object == nullptr || object->size() > kMostKeywords) return &schema;
  json::object said;
  for (const auto& [key, value] : *object) {
    if (key == "title" || key == "description") continue;
    if (value.is_object() || value.is_array()) return &schema;
    said.emplace(key, value);
  }
  return plain_.try_emplace(ToJson(said), &schema).first->second;
}

Result<uint32_t> SchemaCompiler::RuleOf(SchemaList list) {
  for (SchemaPart& part : list) part.schema = Alike(*part.schema);
  std::erase_if(
      list, [](const SchemaPart& part) { return part.schema->is_bool() && part.schema->get_bool() != part.negated; });
  list = EachOnce(list);
  // The rule keeps the order in which it was first asked for: that of addresses would be another in each process.
  SchemaList sorted = list;
  std::ranges::sort(sorted);
  const auto at = rules_.find(sorted);
  if (at != rules_.end()) return at->second;
  BANTAM_TRY(const uint32_t rule,
             builder_.AddRule(list.empty() ? std::string("any value") : reader_.Where(*list.front().schema)));
  rules_.emplace(std::move(sorted), rule);
  open_.emplace_back(std::move(list), rule);
  return rule;
}

uint8_t SchemaCompiler::TypesOf(const Merged& merged, bool narrow) {
  if (!narrow || merged.typed || merged.values || merged.spoken_of == 0) return merged.types;
  return merged.types & merged.spoken_of;
}

Status SchemaCompiler::Compile(const SchemaList& list, uint32_t rule) {
  if (!builder_.budget.Spend(1000 + list.size() * 100)) return Budget::TooMuchWork();
  BANTAM_TRY(const Merged merged, reader_.Merge(list));
  if (merged.never) return Ok();  // a rule without a text
  if (!merged.alternatives.empty()) return Branch(list, merged, rule);
  const uint32_t from = builder_.start(rule), to = builder_.final(rule);
  uint8_t types = TypesOf(merged, options_.narrow);
  if (merged.values) return AddValues(merged, types, from, to);
  for (const json::value* value : merged.excluded) {  // one array or object: all of them, rather than look into them
    if (value->is_array()) types &= static_cast<uint8_t>(~kArray);
    if (value->is_object()) types &= static_cast<uint8_t>(~kObject);
  }
  for (const json::value& value : {json::value(nullptr), json::value(true), json::value(false)}) {
    BANTAM_TRY(const bool allowed, Allowed(value, merged, types));
    if (allowed) nfa().AddEmpty(AddJson(from, value), to);
  }
  if ((types & kNumber) != 0) {
    NumberRules numbers = merged.numbers;
    numbers.integers = (types & kInteger) != 0;
    numbers.fractions = (types & kFraction) != 0;
    BANTAM_RETURN_IF_ERROR(AddNumber(numbers, nfa(), from, to, builder_.budget));
  }
  if ((types & kString) != 0) BANTAM_RETURN_IF_ERROR(AddString(merged.strings, from, to));
  if ((types & kArray) != 0) BANTAM_RETURN_IF_ERROR(AddArray(merged, from, to));
  if ((types & kObject) != 0) BANTAM_RETURN_IF_ERROR(AddObject(merged, from, to));
  return Ok();
}

// One rule for each choice from each list of alternatives, beside what holds in any case.
Status SchemaCompiler::Branch(const SchemaList& list, const Merged& merged, uint32_t rule) {
  SchemaList base = list;
  for (SchemaPart& part : base) part.decided = true;
  std::vector<SchemaList> branches{base};
  for (Alternatives alternatives : merged.alternatives) {
    if (alternatives.exclusive) BANTAM_RETURN_IF_ERROR(KeepApart(base, alternatives));
    // Choices that rule each other out go at once: they would be too many.
    const bool prunes = branches.size() > 1;
    std::vector<SchemaList> longer;
    for (const SchemaList& branch : branches) {
      for (const SchemaList& each : alternatives.cases) {
        SchemaList next = branch;
        next.insert(next.end(), each.begin(), each.end());
        if (prunes) {
          BANTAM_TRY(const bool impossible, Impossible(next));
          if (impossible) continue;
        }
        if (longer.size() == kMostBranches)
          return Err(ErrorCode::kTooLarge, "{}: more than {} combinations of alternatives, the limit",
                     alternatives.where, kMostBranches);
        longer.push_back(std::move(next));
      }
    }
    branches = std::move(longer);
  }
  for (SchemaList& branch : branches) {
    BANTAM_TRY(const uint32_t own, RuleOf(std::move(branch)));
    nfa().AddCall(builder_.start(rule), builder_.final(rule), own);
  }
  return Ok();
}

// Exactly one of several holds when no value satisfies two. Where one might, each goes without the other.
Status SchemaCompiler::KeepApart(const SchemaList& base, Alternatives& alternatives) {
  std::vector<SchemaList>& cases = alternatives.cases;
  const auto schema = [&](size_t i) { return cases[i].front().schema; };
  for (size_t i = 0; i < cases.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (!builder_.budget.Spend(1'000)) return Budget::TooMuchWork();
      SchemaList both = base;
      both.push_back({schema(i), false, false});
      both.push_back({schema(k), false, false});
      BANTAM_TRY(const bool impossible, Impossible(both));
      if (impossible) continue;
      cases[i].push_back({schema(k), false, true});
      cases[k].push_back({schema(i), false, true});
    }
  }
  return Ok();
}

// Whether it can be seen that no value satisfies all of them. Types, values and required properties are looked at.
Result<bool> SchemaCompiler::Impossible(const SchemaList& list, int depth) {
  constexpr int kMostDepth = 5;
  BANTAM_TRY(const Merged merged, reader_.Merge(list));
  if (merged.never || merged.types == 0) return true;
  if (merged.values) {
    for (const json::value* value : *merged.values) {
      if (value->is_array() || value->is_object()) return false;  // Allowed does not check them against keywords
      BANTAM_TRY(const bool allowed, Allowed(*value, merged, merged.types));
      if (allowed) return false;
    }
    return true;
  }
  if (merged.types != kObject || depth == kMostDepth) return false;
  for (const std::string_view name : merged.required) {
    if (!builder_.budget.Spend(20)) return Budget::TooMuchWork();
    BANTAM_TRY(const SchemaList schemas, PropertySchemas(merged, name));
    const bool forbidden = std::ranges::any_of(
        schemas, [](const SchemaPart& part) { return part.schema->is_bool() && !part.schema->get_bool(); });
    if (forbidden) return true;
    if (schemas.size() < 2) continue;
    BANTAM_TRY(const bool impossible, Impossible(schemas, depth + 1));
    if (impossible) return true;
  }
  return false;
}

Result<bool> SchemaCompiler::Allowed(const json::value& value, const Merged& merged, uint8_t types) {
  const auto has = [&](uint8_t type) { return (types & type) != 0; };
  if (!builder_.budget.Spend(merged.excluded.size() * 5)) return Budget::TooMuchWork();
  if (std::ranges::any_of(merged.excluded, [&](const json::value* each) { return SameJson(*each, value); }))
    return false;
  switch (value.kind()) {
    case json::kind::null:
      return has(kNull);
    case json::kind::bool_:
      return has(kBoolean);
    case json::kind::int64:
    case json::kind::uint64:
      return has(kInteger) && merged.numbers.Allow(value);
    case json::kind::double_: {
      const std::optional<Decimal> decimal = Decimal::From(value);
      const bool whole = decimal && decimal->fraction.empty();
      return has(whole ? kInteger : kFraction) && merged.numbers.Allow(value);
    }
    case json::kind::string: {
      if (!has(kString)) return false;
      return TextAllowed(merged.strings, value.get_string());
    }
    case json::kind::array:
      if (!has(kArray)) return false;
      if (merged.items.empty() && merged.contains.empty() && merged.unique_items.empty() && merged.min_items == 0 &&
          merged.max_items == UINT64_MAX)
        return true;
      return Err(ErrorCode::kUnsupported,
                 "\"enum\" or \"const\" with an array beside keywords about arrays cannot be checked: leave those out");
    case json::kind::object:
      break;
  }
  if (!has(kObject)) return false;
  if (merged.properties.empty() && merged.required.empty() && merged.names.empty() && merged.min_properties == 0 &&
      merged.max_properties == UINT64_MAX)
    return true;
  return Err(ErrorCode::kUnsupported,
             "\"enum\" or \"const\" with an object beside keywords about objects cannot be checked: leave those out");
}

Status SchemaCompiler::AddValues(const Merged& merged, uint8_t types, uint32_t from, uint32_t to) {
  for (const json::value* value : *merged.values) {
    BANTAM_TRY(const bool allowed, Allowed(*value, merged, types));
    if (allowed) nfa().AddEmpty(AddJson(from, *value), to);
    BANTAM_RETURN_IF_ERROR(nfa().Check());
  }
  return Ok();
}

uint32_t SchemaCompiler::AddSpace(uint32_t from, bool within_brackets) {
  if (within_brackets && !options_.loose_spaces) return from;
  const uint32_t to = nfa().AddState();
  nfa().AddEmpty(from, to);
  nfa().AddBytes(from, to, ' ', ' ');
  return to;
}

// A value as it stands. Documents are at most 64 levels deep.
uint32_t SchemaCompiler::AddJson(uint32_t from, const json::value& value) {
  const auto text = [&](uint32_t at, std::string_view string) {
    at = nfa().AddByte(at, '"');
    for (const uint32_t c : DecodeUtf8(string)) {
      const uint32_t next = nfa().AddState();
      nfa().AddChars(at, next, CodePointSet::Of(c), Spelling::kJson);
      at = next;
    }
    return nfa().AddByte(at, '"');
  };
  if (value.is_string()) return text(from, value.get_string());
  if (const json::array* array = value.if_array()) {
    from = AddSpace(nfa().AddByte(from, '['), true);
    for (size_t i = 0; i < array->size(); ++i) {
      if (i > 0) from = AddSpace(nfa().AddByte(from, ','));
      from = AddJson(from, (*array)[i]);
    }
    return nfa().AddByte(AddSpace(from, true), ']');
  }
  if (const json::object* object = value.if_object()) {
    from = AddSpace(nfa().AddByte(from, '{'), true);
    bool first = true;
    for (const auto& [key, each] : *object) {
      if (!first) from = AddSpace(nfa().AddByte(from, ','));
      first = false;
      from = AddJson(AddSpace(nfa().AddByte(text(from, key), ':')), each);
    }
    return nfa().AddByte(AddSpace(from, true), '}');
  }
  if (options_.python_literals) {
    if (value.is_null()) return nfa().AddText(from, "None");
    if (value.is_bool()) return nfa().AddText(from, value.get_bool() ? "True" : "False");
  }
  return nfa().AddText(from, ToJson(value));
}

Status SchemaCompiler::AddString(const StringRules& rules, uint32_t from, uint32_t to) {
  const uint32_t begin = nfa().AddByte(from, '"'), end = nfa().AddState();
  nfa().AddBytes(end, to, '"', '"');
  if (rules.any()) {
    nfa().AddAnyJsonChar(begin, begin);
    return nfa().AddEmpty(begin, end), Ok();
  }
  ExprPool pool;
  BANTAM_TRY(const std::optional<uint32_t> alone, StringExpr(rules, pool));
  if (alone) {  // a rule of its own: "^" and "$" are its beginning and end
    BANTAM_TRY(const uint32_t text, builder_.AddRule(rules.patterns.empty() ? "text" : rules.patterns.front().second));
    BANTAM_TRY(const uint32_t last, builder_.AddExpr(builder_.start(text), pool, *alone, Spelling::kJson));
    nfa().AddEmpty(last, builder_.final(text));
    return nfa().AddCall(begin, end, text), Ok();
  }
  BANTAM_TRY(const Dfa dfa, StringDfa(rules, Spelling::kJson, builder_.budget));
  return AddDfa(dfa, nfa(), begin, end);
}

Result<std::shared_ptr<const Grammar>> FromSchema(const json::value& schema, std::string_view name,
                                                  const SchemaOptions& options) {
  GrammarBuilder builder;
  BANTAM_TRY(const uint32_t root, AddSchema(builder, schema, name, options));
  return builder.Build(root, name);
}

Result<uint32_t> AddSchema(GrammarBuilder& builder, const json::value& schema, std::string_view name,
                           const SchemaOptions& options) {
  return SchemaCompiler(builder, schema, name, options).Run();
}

}  // namespace bantam::grammar
