// Objects: the declared properties in the schema's order, then what else may stand there.
#include <algorithm>

#include "base/text_util.h"
#include "text/grammar/regex_parser.h"
#include "text/grammar/schema_compiler.h"

namespace bantam::grammar {
namespace {

constexpr size_t kMostPatterns = 6;

bool IsIdentifier(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<bool> SchemaCompiler::Matches(const std::string& pattern, const std::string& name) {
  auto at = patterns_.find(pattern);
  if (at == patterns_.end()) {
    StringRules rules;
    rules.patterns.emplace_back(pattern,
                                fmt::format("{}: patternProperties \"{}\"", name_, EscapeForTerminal(pattern, 60)));
    BANTAM_TRY(Dfa dfa, StringDfa(rules, Spelling::kPlain, builder_.budget));
    at = patterns_.emplace(pattern, std::move(dfa)).first;
  }
  return at->second.Accepts(name);
}

Result<SchemaList> SchemaCompiler::PropertySchemas(const Merged& merged, const std::string& name) {
  SchemaList list;
  for (const PropertiesPart& part : merged.properties) {
    bool found = false;
    for (const auto& [own, schema] : part.named) {
      if (own != name) continue;
      list.push_back({schema, false});
      found = true;
    }
    for (const auto& [pattern, schema] : part.patterns) {
      BANTAM_TRY(const bool matches, Matches(pattern, name));
      if (!matches) continue;
      list.push_back({schema, false});
      found = true;
    }
    if (!found && part.additional != nullptr) list.push_back({part.additional, false});
  }
  return list;
}

// By "propertyNames".
Result<bool> SchemaCompiler::NameAllowed(const Merged& merged, const std::string& name) {
  for (const json::value* names : merged.names) {
    BANTAM_TRY(const Merged rules, reader_.Merge({{names, false}}));
    if (rules.never) return false;
    if (!rules.alternatives.empty())
      return reader_
          .Refuse(*names, "propertyNames", "with alternatives cannot be enforced: use one \"pattern\" or \"enum\"")
          .error();
    const json::value text = json::string(name);
    BANTAM_TRY(const bool allowed, Allowed(text, rules, rules.types));
    if (!allowed || (rules.values && std::ranges::none_of(*rules.values, [&](const json::value* each) {
                       return SameJson(*each, text);
                     })))
      return false;
  }
  return true;
}

// Names that are not declared, by the patterns that they match.
Result<std::vector<SchemaCompiler::ExtraKeys>> SchemaCompiler::Extras(const Merged& merged,
                                                                      const std::vector<std::string>& names) {
  std::vector<ExtraKeys> out;
  Budget& budget = builder_.budget;
  ExprPool pool;
  BANTAM_TRY(Dfa keys, StringDfa({}, Spelling::kJson, budget));
  if (!names.empty()) {
    std::vector<uint32_t> own;
    for (const std::string& name : names) own.push_back(pool.Literal(name));
    BANTAM_TRY(const Dfa declared, DfaOf(pool, pool.Alt(std::move(own)), Spelling::kJson, budget));
    BANTAM_TRY(keys, Product(keys, declared, Combine::kFirstOnly, budget));
  }
  for (const json::value* schema : merged.names) {
    BANTAM_TRY(const Merged rules, reader_.Merge({{schema, false}}));
    if (rules.never || (rules.types & kString) == 0) return out;
    if (!rules.alternatives.empty())
      return reader_
          .Refuse(*schema, "propertyNames", "with alternatives cannot be enforced: use one \"pattern\" or \"enum\"")
          .error();
    BANTAM_TRY(const Dfa text, StringDfa(rules.strings, Spelling::kJson, budget));
    BANTAM_TRY(keys, Product(keys, text, Combine::kBoth, budget));
    if (!rules.values) continue;
    std::vector<uint32_t> listed{pool.Never()};
    for (const json::value* value : *rules.values) {
      if (value->is_string()) listed.push_back(pool.Literal(std::string_view(value->get_string())));
    }
    BANTAM_TRY(const Dfa values, DfaOf(pool, pool.Alt(std::move(listed)), Spelling::kJson, budget));
    BANTAM_TRY(keys, Product(keys, values, Combine::kBoth, budget));
  }
  std::vector<std::string> patterns;
  bool declares = false, says_additional = false;
  for (const PropertiesPart& part : merged.properties) {
    declares |= !part.named.empty() || !part.patterns.empty();
    says_additional |= part.additional != nullptr;
    for (const auto& [pattern, schema] : part.patterns) {
      if (std::ranges::find(patterns, pattern) == patterns.end()) patterns.push_back(pattern);
    }
  }
  if (patterns.size() > kMostPatterns)
    return Err(ErrorCode::kTooLarge, "\"patternProperties\" with more than {} patterns, the limit", kMostPatterns);
  std::vector<Dfa> matching;
  for (const std::string& pattern : patterns) {
    StringRules rules;
    rules.patterns.emplace_back(pattern,
                                fmt::format("{}: patternProperties \"{}\"", name_, EscapeForTerminal(pattern, 60)));
    BANTAM_TRY(Dfa dfa, StringDfa(rules, Spelling::kJson, budget));
    matching.push_back(std::move(dfa));
  }
  for (size_t set = 0; set < size_t{1} << patterns.size(); ++set) {
    // Without a word about further properties, those that are declared are all that is meant.
    if (set == 0 && options_.narrow && declares && !says_additional) continue;
    Dfa key = keys;
    for (size_t i = 0; i < patterns.size(); ++i) {
      BANTAM_TRY(key, Product(key, matching[i], (set >> i & 1) != 0 ? Combine::kBoth : Combine::kFirstOnly, budget));
    }
    if (key.IsEmpty()) continue;
    SchemaList value;
    for (const PropertiesPart& part : merged.properties) {
      bool found = false;
      for (const auto& [pattern, schema] : part.patterns) {
        const auto i = static_cast<size_t>(std::ranges::find(patterns, pattern) - patterns.begin());
        if ((set >> i & 1) == 0) continue;
        value.push_back({schema, false});
        found = true;
      }
      if (!found && part.additional != nullptr) value.push_back({part.additional, false});
    }
    const bool forbidden = std::ranges::any_of(
        value, [](const SchemaPart& part) { return part.schema->is_bool() && !part.schema->get_bool(); });
    if (!forbidden) out.push_back({std::move(key), std::move(value)});
  }
  return out;
}

Status SchemaCompiler::AddObject(const Merged& merged, uint32_t from, uint32_t to, bool as_arguments) {
  std::vector<std::string> names;
  const auto declare = [&](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const PropertiesPart& part : merged.properties) {
    for (const auto& [name, schema] : part.named) declare(name);
  }
  for (const std::string& name : merged.required) declare(name);
  if (!builder_.budget.Spend(names.size() * names.size())) return Budget::TooMuchWork();
  std::vector<ExtraKeys> extras;
  if (!as_arguments) {
    BANTAM_TRY(extras, Extras(merged, names));
  }

  struct Property {
    std::string name;
    uint32_t rule;
    bool required;
  };
  std::vector<Property> properties;
  size_t num_required = 0;
  for (const std::string& name : names) {
    const bool required = std::ranges::find(merged.required, name) != merged.required.end();
    BANTAM_TRY(const bool allowed, NameAllowed(merged, name));
    if (!allowed && required) return Ok();  // no object satisfies it
    if (!allowed) continue;
    if (as_arguments && !IsIdentifier(name)) {
      return Err(ErrorCode::kUnsupported,
                 "{}: the property \"{}\" cannot be the name of an argument: use letters, digits and \"_\"", name_,
                 EscapeForTerminal(name, 60));
    }
    BANTAM_TRY(SchemaList schemas, PropertySchemas(merged, name));
    BANTAM_TRY(const uint32_t rule, RuleOf(std::move(schemas)));
    properties.push_back({name, rule, required});
    num_required += required ? 1 : 0;
  }
  const uint64_t least = merged.min_properties > num_required ? merged.min_properties : 0;
  const uint64_t most = merged.max_properties;
  if (most < num_required) return Ok();
  if (least > properties.size() + (extras.empty() ? 0 : 1)) {
    if (extras.empty()) return Ok();
    return Err(ErrorCode::kUnsupported,
               "{}: \"minProperties\" {} asks for names that are not declared, which cannot be kept apart while text "
               "is written",
               merged.min_properties_where, merged.min_properties);
  }
  // States are (properties looked at, properties written). The latter counts as far as it matters.
  const bool limited = most != UINT64_MAX && (most < properties.size() || !extras.empty());
  const uint64_t cap = std::max<uint64_t>(1, limited ? most : least);
  if (cap > Limits::kRepeat || !builder_.budget.Spend(cap * (properties.size() + 1) * 10)) return Budget::TooMuchWork();
  std::vector<uint32_t> row(cap + 1);
  for (uint32_t& state : row) state = nfa().AddState();
  nfa().AddEmpty(as_arguments ? from : AddSpace(nfa().AddByte(from, '{'), true), row[0]);

  const auto text = [&](uint32_t at, std::string_view name) {
    for (const uint32_t c : DecodeUtf8(name)) {
      const uint32_t next = nfa().AddState();
      nfa().AddChars(at, next, CodePointSet::Of(c), Spelling::kJson);
      at = next;
    }
    return at;
  };
  const auto begin = [&](uint32_t at, uint64_t written) {
    at = written == 0 ? at : AddSpace(nfa().AddByte(at, ','));
    return as_arguments ? at : nfa().AddByte(at, '"');
  };
  const auto value = [&](uint32_t at, uint32_t rule, uint32_t after) {
    nfa().AddCall(as_arguments ? nfa().AddByte(at, '=') : AddSpace(nfa().AddText(at, "\":")), after, rule);
  };
  for (const Property& property : properties) {
    std::vector<uint32_t> next(cap + 1);
    for (uint32_t& state : next) state = nfa().AddState();
    for (uint64_t written = 0; written <= cap; ++written) {
      BANTAM_RETURN_IF_ERROR(nfa().Check());
      if (!property.required) nfa().AddEmpty(row[written], next[written]);
      if (limited && written == most) continue;
      value(text(begin(row[written], written), property.name), property.rule, next[std::min(written + 1, cap)]);
    }
    row = std::move(next);
  }
  const uint32_t close = nfa().AddState();
  if (as_arguments) {
    nfa().AddEmpty(close, to);
  } else {
    nfa().AddBytes(close, to, '}', '}');
  }
  for (uint64_t written = least; written <= cap; ++written)
    nfa().AddEmpty(written == 0 ? row[0] : AddSpace(row[written], true), close);
  if (extras.empty()) return Ok();

  // The same name may come twice, and then counts once: towards the least, only the first further property counts.
  std::vector<uint32_t> further(cap + 1);
  for (uint32_t& state : further) state = nfa().AddState();
  std::vector<uint32_t> rules;
  for (const ExtraKeys& extra : extras) {
    BANTAM_TRY(const uint32_t rule, RuleOf(extra.value));
    rules.push_back(rule);
  }
  for (uint64_t written = 0; written <= cap; ++written) {
    const bool full = limited && written == most;
    for (size_t i = 0; i < extras.size() && !full; ++i) {
      // One copy of the name's automaton for each way to get there.
      const uint32_t name_end = nfa().AddState();
      BANTAM_RETURN_IF_ERROR(AddDfa(extras[i].key, nfa(), begin(row[written], written), name_end));
      value(name_end, rules[i], further[std::min(written + 1, cap)]);
      if (written == 0 || (limited && written < least)) continue;
      const uint32_t again_end = nfa().AddState();
      BANTAM_RETURN_IF_ERROR(AddDfa(extras[i].key, nfa(), begin(further[written], written), again_end));
      value(again_end, rules[i], limited ? further[std::min(written + 1, cap)] : further[written]);
    }
    if (written >= std::max<uint64_t>(least, 1)) nfa().AddEmpty(AddSpace(further[written], true), close);
  }
  return Ok();
}

}  // namespace bantam::grammar
