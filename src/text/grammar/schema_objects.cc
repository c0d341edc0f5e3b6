// Objects: the declared properties in the schema's order, then what else may stand there.
#include <algorithm>
#include <span>
#include <unordered_set>

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

// Rules of one pattern or format, which many names may be compared with.
Result<bool> SchemaCompiler::Matches(const StringRules& one, std::string_view text) {
  const std::string& key = one.patterns.empty() ? one.formats.front() : one.patterns.front().first;
  const auto at = automata_.find({one.patterns.empty(), key});
  if (at != automata_.end()) return at->second.Accepts(text);
  BANTAM_TRY(Dfa dfa, StringDfa(one, Spelling::kPlain, builder_.budget));
  return automata_.emplace(std::pair(one.patterns.empty(), key), std::move(dfa)).first->second.Accepts(text);
}

Result<bool> SchemaCompiler::TextAllowed(const StringRules& rules, std::string_view text) {
  const size_t chars = DecodeUtf8(text).size();
  if (chars < rules.min_length || chars > rules.max_length) return false;
  for (const auto& pattern : rules.patterns) {
    BANTAM_TRY(const bool matches, Matches({.patterns = {pattern}, .formats = {}}, text));
    if (!matches) return false;
  }
  for (const auto& pattern : rules.excluded_patterns) {
    BANTAM_TRY(const bool matches, Matches({.patterns = {pattern}, .formats = {}}, text));
    if (matches) return false;
  }
  for (const std::string& format : rules.formats) {
    BANTAM_TRY(const bool matches, Matches({.patterns = {}, .formats = {format}}, text));
    if (!matches) return false;
  }
  return true;
}

StringRules SchemaCompiler::RulesOfName(std::string_view pattern) const {
  StringRules rules;
  rules.patterns.emplace_back(pattern,
                              fmt::format("{}: patternProperties \"{}\"", name_, EscapeForTerminal(pattern, 60)));
  return rules;
}

Result<SchemaList> SchemaCompiler::PropertySchemas(const Merged& merged, std::string_view name) {
  SchemaList list;
  for (const PropertiesPart& part : merged.properties) {
    if (!builder_.budget.Spend(20)) return Budget::TooMuchWork();
    bool found = false;
    if (const json::value* own = part.named != nullptr ? part.named->if_contains(name) : nullptr; own != nullptr) {
      list.push_back({own, false});
      found = true;
    }
    if (part.patterns != nullptr) {
      for (const auto& [pattern, schema] : *part.patterns) {
        BANTAM_TRY(const bool matches, Matches(RulesOfName(pattern), name));
        if (!matches) continue;
        list.push_back({&schema, false});
        found = true;
      }
    }
    for (const KnownNames& known : part.elsewhere) {
      if (found) break;
      if (!builder_.budget.Spend(20)) return Budget::TooMuchWork();
      found = known.named != nullptr && known.named->contains(name);
      if (found || known.patterns == nullptr) continue;
      for (const auto& [pattern, schema] : *known.patterns) {
        BANTAM_TRY(const bool matches, Matches(RulesOfName(pattern), name));
        found |= matches;
      }
    }
    if (!found && part.additional != nullptr) list.push_back({part.additional, false});
  }
  return list;
}

// By "propertyNames".
Result<bool> SchemaCompiler::NameAllowed(const Merged& merged, std::string_view name) {
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
                                                                      std::span<const std::string_view> names) {
  std::vector<ExtraKeys> out;
  Budget& budget = builder_.budget;
  ExprPool pool;
  BANTAM_TRY(Dfa keys, StringDfa({}, Spelling::kJson, budget));
  if (!names.empty()) {
    std::vector<uint32_t> own;
    for (const std::string_view name : names) own.push_back(pool.Literal(name));
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
  std::vector<std::string_view> patterns;
  bool declares = false, says_additional = false;
  for (const PropertiesPart& part : merged.properties) {
    const auto may_be = [](const auto& member) { return !member.value().is_bool() || member.value().get_bool(); };
    declares |= (part.named != nullptr && std::ranges::any_of(*part.named, may_be)) ||
                (part.patterns != nullptr && !part.patterns->empty());
    says_additional |= part.additional != nullptr;
    if (part.patterns == nullptr) continue;
    for (const auto& [pattern, schema] : *part.patterns) {
      if (std::ranges::find(patterns, std::string_view(pattern)) == patterns.end()) patterns.push_back(pattern);
      if (patterns.size() > kMostPatterns)
        return Err(ErrorCode::kTooLarge, "\"patternProperties\" with more than {} patterns, the limit", kMostPatterns);
    }
  }
  std::vector<Dfa> matching;
  for (const std::string_view pattern : patterns) {
    BANTAM_TRY(Dfa dfa, StringDfa(RulesOfName(pattern), Spelling::kJson, budget));
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
      for (size_t i = 0; i < patterns.size(); ++i) {
        const json::value* own = part.patterns != nullptr ? part.patterns->if_contains(patterns[i]) : nullptr;
        if (own == nullptr || (set >> i & 1) == 0) continue;
        value.push_back({own, false});
        found = true;
      }
      for (const KnownNames& known : part.elsewhere) {
        if (!budget.Spend(10 + patterns.size() * 10)) return Budget::TooMuchWork();
        for (size_t i = 0; i < patterns.size() && known.patterns != nullptr; ++i)
          found |= (set >> i & 1) != 0 && known.patterns->contains(patterns[i]);
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
  std::vector<std::string_view> names;
  std::unordered_set<std::string_view> declared;
  for (const PropertiesPart& part : merged.properties) {
    if (part.named == nullptr) continue;
    for (const auto& [name, schema] : *part.named) {
      if (declared.insert(name).second) names.push_back(name);
    }
  }
  for (const std::string_view name : merged.required) {
    if (declared.insert(name).second) names.push_back(name);
  }
  const std::unordered_set<std::string_view> required(merged.required.begin(), merged.required.end());
  std::vector<ExtraKeys> extras;
  if (!as_arguments) {
    BANTAM_TRY(extras, Extras(merged, names));
  }
  std::vector<Property> properties;
  for (const std::string_view name : names) {
    if (!builder_.budget.Spend(100)) return Budget::TooMuchWork();
    const bool is_required = required.contains(name);
    BANTAM_TRY(const bool allowed, NameAllowed(merged, name));
    if (!allowed && is_required) return Ok();  // no object satisfies it
    if (!allowed) continue;
    if (as_arguments && !IsIdentifier(name)) {
      return Err(ErrorCode::kUnsupported,
                 "{}: the property \"{}\" cannot be the name of an argument: use letters, digits and \"_\"", name_,
                 EscapeForTerminal(name, 60));
    }
    BANTAM_TRY(SchemaList schemas, PropertySchemas(merged, name));
    BANTAM_TRY(const uint32_t rule, RuleOf(std::move(schemas)));
    properties.push_back({name, rule, is_required});
  }
  const uint64_t least = merged.min_properties > merged.required.size() ? merged.min_properties : 0;
  const uint64_t most = merged.max_properties;
  if (most < merged.required.size()) return Ok();
  if (least > properties.size() + (extras.empty() ? 0 : 1)) {
    if (extras.empty()) return Ok();
    return Err(ErrorCode::kUnsupported,
               "{}: \"minProperties\" {} asks for names that are not declared, which cannot be kept apart while text "
               "is written",
               merged.min_properties_where, merged.min_properties);
  }
  if (most != UINT64_MAX && most > Limits::kRepeat && !extras.empty())
    return Err(ErrorCode::kTooLarge, "\"maxProperties\" of {}: more than {} cannot be counted", most, Limits::kRepeat);
  return AddMembers({.properties = properties, .extras = extras, .least = least, .most = most}, from, to, as_arguments);
}

// States are (properties looked at, properties written). The latter counts as far as it matters.
Status SchemaCompiler::AddMembers(const Members& members, uint32_t from, uint32_t to, bool as_arguments) {
  const auto& [properties, extras, least, most] = members;
  const bool limited = most != UINT64_MAX && (most < properties.size() || !extras.empty());
  const uint64_t cap =
      std::max<uint64_t>(1, std::min<uint64_t>(properties.size(), limited ? std::max(least, most) : least));
  if (!builder_.budget.Spend(cap * (properties.size() + 1) * 10)) return Budget::TooMuchWork();
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

  // Two rules for all other properties, the second with a comma before it, which is counted.
  BANTAM_TRY(const uint32_t other, builder_.AddRule("other properties"));
  BANTAM_TRY(const uint32_t further, builder_.AddRule("further properties"));
  for (const ExtraKeys& extra : extras) {
    BANTAM_TRY(const uint32_t rule, RuleOf(extra.value));
    const uint32_t name_end = nfa().AddState();
    BANTAM_RETURN_IF_ERROR(AddDfa(extra.key, nfa(), begin(builder_.start(other), 0), name_end));
    value(name_end, rule, builder_.final(other));
  }
  nfa().AddCall(AddSpace(nfa().AddByte(builder_.start(further), ',')), builder_.final(further), other);
  const uint32_t last = nfa().AddState();
  nfa().AddEmpty(AddSpace(last, true), close);
  // The same name may come twice, and then counts once: towards the least, only the first further property counts.
  for (uint64_t written = least > 0 ? least - 1 : 0; written <= cap; ++written) {
    const uint64_t left = limited ? most - std::min(most, written) : kForever;
    if (left == 0) break;
    uint32_t at = row[written];
    Count count{.least = 1, .most = static_cast<uint32_t>(left)};
    if (written == 0) {
      const uint32_t first = nfa().AddState();
      nfa().AddCall(at, first, other);
      nfa().AddEmpty(first, last);
      if (left == 1) continue;
      if (limited) --count.most;
      at = first;
    }
    nfa().AddCall(at, last, further, count);
  }
  return Ok();
}

}  // namespace bantam::grammar
