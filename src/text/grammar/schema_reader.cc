#include "text/grammar/schema_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text_util.h"

namespace bantam::grammar {
namespace {

// Say nothing about which documents are valid.
constexpr std::array<std::string_view, 17> kAnnotations{
    "title",           "description",      "default",       "examples",    "deprecated",  "readOnly",
    "writeOnly",       "$comment",         "$schema",       "$defs",       "definitions", "$anchor",
    "contentEncoding", "contentMediaType", "contentSchema", "$vocabulary", "example"};

struct Refusal {
  std::string_view keyword, why;
};
constexpr std::string_view kLookAhead = "cannot be enforced while text is written";
constexpr std::array kRefusals{
    Refusal{"not", kLookAhead},
    Refusal{"if", "cannot be enforced while text is written: write the cases as \"anyOf\""},
    Refusal{"then",
            "is only known with \"if\", which cannot be enforced while text is written: write the cases as \"anyOf\""},
    Refusal{"else",
            "is only known with \"if\", which cannot be enforced while text is written: write the cases as \"anyOf\""},
    Refusal{"contains", kLookAhead},
    Refusal{"minContains", kLookAhead},
    Refusal{"maxContains", kLookAhead},
    Refusal{"unevaluatedItems", "cannot be enforced while text is written: use \"items\""},
    Refusal{"unevaluatedProperties", "cannot be enforced while text is written: use \"additionalProperties\""},
    Refusal{"$dynamicRef", "is not followed: use \"$ref\""},
    Refusal{"$recursiveRef", "is not followed: use \"$ref\""},
    Refusal{"$dynamicAnchor", "is not followed: use \"$anchor\""},
    Refusal{"$recursiveAnchor", "is not followed: use \"$anchor\""},
};

std::optional<uint8_t> TypeNamed(std::string_view name) {
  if (name == "null") return kNull;
  if (name == "boolean") return kBoolean;
  if (name == "integer") return kInteger;
  if (name == "number") return kNumber;
  if (name == "string") return kString;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  return std::nullopt;
}

std::string Unescape(std::string_view token) {  // of a JSON pointer within a URI
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    unsigned value = 0;
    if (token[i] == '%' && i + 2 < token.size() &&
        std::from_chars(token.data() + i + 1, token.data() + i + 3, value, 16).ptr == token.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += token[i];
    }
  }
  for (const auto& [from, to] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
    for (size_t at = 0; (at = out.find(from, at)) != std::string::npos; ++at) out.replace(at, 2, to);
  }
  return out;
}

std::string Escape(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return out;
}

template <typename T>
void Tighten(T& value, T other, bool upper) {
  value = upper ? std::min(value, other) : std::max(value, other);
}

}  // namespace

std::string SchemaReader::Where(const json::value& schema) const {
  const auto at = places_.find(&schema);
  return fmt::format("{}: #{}", name_, at == places_.end() ? std::string("?") : EscapeForTerminal(at->second, 200));
}

Status SchemaReader::Refuse(const json::value& schema, std::string_view keyword, std::string_view why) const {
  return Err(ErrorCode::kUnsupported, "{}: \"{}\" {}", Where(schema), EscapeForTerminal(keyword, 60), why);
}

const json::value& SchemaReader::Make(json::value value, const json::value& at) {
  const json::value& made = made_.emplace_back(std::move(value));
  const auto place = places_.find(&at);
  Place(made, place == places_.end() ? "" : place->second);
  return made;
}

Status SchemaReader::CheckDialect() const {
  const json::object* object = document_.if_object();
  if (object == nullptr) return Ok();
  const json::value* dialect = object->if_contains("$schema");
  if (dialect == nullptr) return Ok();
  if (dialect->is_string()) {
    for (const std::string_view known :
         {"draft/2020-12/schema", "draft/2019-09/schema", "draft-07/schema", "draft-06/schema", "draft-04/schema"}) {
      if (std::string_view(dialect->get_string()).find(known) != std::string_view::npos) return Ok();
    }
  }
  return Refuse(document_, "$schema",
                fmt::format("is {}: known are JSON Schema 2020-12, 2019-09, draft-07, 06 and 04",
                            EscapeForTerminal(ToJson(*dialect), 100)));
}

Result<const json::array*> SchemaReader::ArrayOf(const json::value& self, std::string_view key,
                                                 const json::value& value) {
  const json::array* array = value.if_array();
  if (array == nullptr) return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is no array", Where(self), key);
  const std::string base = places_[&self];
  for (size_t i = 0; i < array->size(); ++i) Place((*array)[i], fmt::format("{}/{}/{}", base, key, i));
  return array;
}

Result<const json::object*> SchemaReader::ObjectOf(const json::value& self, std::string_view key,
                                                   const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is no object", Where(self), key);
  const std::string base = places_[&self];
  for (const auto& [name, each] : *object) Place(each, fmt::format("{}/{}/{}", base, key, Escape(name)));
  return object;
}

Result<uint64_t> SchemaReader::Count(const json::value& self, std::string_view key, const json::value& value) const {
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_double() && value.get_double() >= 0 && value.get_double() < 1e15 &&
      value.get_double() == static_cast<double>(static_cast<uint64_t>(value.get_double()))) {
    return static_cast<uint64_t>(value.get_double());
  }
  return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is {}, expected a count from 0", Where(self), key,
             EscapeForTerminal(ToJson(value), 60));
}

Result<const json::value*> SchemaReader::Resolve(const json::value& from, std::string_view reference) {
  const std::string shown = EscapeForTerminal(reference, 100);
  if (const json::object* root = document_.if_object(); root != nullptr) {
    if (const json::value* id = root->if_contains("$id"); id != nullptr && id->is_string()) {
      const std::string_view own = id->get_string();
      if (!own.empty() && reference.starts_with(own) &&
          (reference.size() == own.size() || reference[own.size()] == '#'))
        reference.remove_prefix(own.size());
    }
  }
  if (reference.starts_with('#'))
    reference.remove_prefix(1);
  else if (!reference.empty()) {
    return Err(ErrorCode::kUnsupported, "{}: \"$ref\" to {}: only \"#...\", within the document, is followed",
               Where(from), shown);
  }
  if (!reference.empty() && reference.front() != '/') {
    if (!anchors_) {
      anchors_.emplace();
      std::vector<const json::value*> open{&document_};
      while (!open.empty()) {
        const json::value* value = open.back();
        open.pop_back();
        if (const json::array* array = value->if_array()) {
          for (const json::value& each : *array) open.push_back(&each);
        } else if (const json::object* object = value->if_object()) {
          const json::value* anchor = object->if_contains("$anchor");
          if (anchor != nullptr && anchor->is_string()) {
            const auto [at, added] = anchors_->try_emplace(std::string(anchor->get_string()), value);
            if (!added) at->second = nullptr;
          }
          for (const auto& [key, each] : *object) open.push_back(&each);
        }
      }
    }
    const auto at = anchors_->find(Unescape(reference));
    if (at == anchors_->end() || at->second == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "{}: \"$ref\" to {}: no \"$anchor\" of that name, or several",
                 Where(from), shown);
    }
    Place(*at->second, fmt::format("{}", reference));
    return at->second;
  }
  const json::value* at = &document_;
  std::string pointer;
  while (!reference.empty()) {
    reference.remove_prefix(1);
    const size_t end = std::min(reference.find('/'), reference.size());
    const std::string key = Unescape(reference.substr(0, end));
    reference.remove_prefix(end);
    pointer += "/" + Escape(key);
    const json::value* next = nullptr;
    if (const json::object* object = at->if_object()) {
      next = object->if_contains(key);
    } else if (const json::array* array = at->if_array()) {
      size_t index = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
      if (read.ec == std::errc() && read.ptr == key.data() + key.size() && index < array->size())
        next = &(*array)[index];
    }
    if (next == nullptr)
      return Err(ErrorCode::kInvalidArgument, "{}: \"$ref\" to {}: there is nothing", Where(from), shown);
    at = next;
    if (const json::object* object = at->if_object();
        object != nullptr && object->if_contains("$id") != nullptr && object->at("$id").is_string()) {
      return Err(ErrorCode::kUnsupported,
                 "{}: \"$ref\" to {}, into a schema with an \"$id\" of its own, is not followed", Where(from), shown);
    }
  }
  Place(*at, std::move(pointer));
  return at;
}

// The schemas that a schema applies to the same value.
Result<std::vector<const json::value*>> SchemaReader::InPlace(const json::value& schema) {
  std::vector<const json::value*> out;
  const json::object* object = schema.if_object();
  if (object == nullptr) return out;
  for (const std::string_view key : {"allOf", "anyOf", "oneOf"}) {
    const json::value* value = object->if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY(const json::array* const array, ArrayOf(schema, key, *value));
    for (const json::value& each : *array) out.push_back(&each);
  }
  for (const std::string_view key : {"dependentSchemas", "dependencies"}) {
    const json::value* value = object->if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY(const json::object* const members, ObjectOf(schema, key, *value));
    for (const auto& [name, each] : *members) {
      if (!each.is_array()) out.push_back(&each);
    }
  }
  if (const json::value* reference = object->if_contains("$ref")) {
    if (!reference->is_string()) return Err(ErrorCode::kInvalidArgument, "{}: \"$ref\" is no text", Where(schema));
    BANTAM_TRY(const json::value* const target, Resolve(schema, reference->get_string()));
    out.push_back(target);
  }
  return out;
}

// A schema that applies itself to the same value asks for nothing that could be found out.
Status SchemaReader::CheckEndless(const json::value& schema) {
  if (marks_.contains(&schema)) return Ok();
  struct Frame {
    const json::value* schema;
    std::vector<const json::value*> next;
  };
  BANTAM_TRY(std::vector<const json::value*> first, InPlace(schema));
  std::vector<Frame> path;
  path.push_back({&schema, std::move(first)});
  marks_[&schema] = Mark::kOpen;
  while (!path.empty()) {
    Frame& frame = path.back();
    if (frame.next.empty()) {
      marks_[frame.schema] = Mark::kDone;
      path.pop_back();
      continue;
    }
    const json::value* next = frame.next.back();
    frame.next.pop_back();
    const auto at = marks_.find(next);
    if (at != marks_.end()) {
      if (at->second == Mark::kDone) continue;
      return Err(ErrorCode::kInvalidArgument, "{}: leads back to itself by \"$ref\" without an end", Where(*next));
    }
    BANTAM_TRY(std::vector<const json::value*> follow, InPlace(*next));
    marks_[next] = Mark::kOpen;
    path.push_back({next, std::move(follow)});
  }
  return Ok();
}

Result<Merged> SchemaReader::Merge(const SchemaList& list) {
  Merged out;
  SchemaList open = list;
  // Those whose alternatives were chosen come first: reached again they are not asked once more.
  std::ranges::sort(open, [](const SchemaPart& a, const SchemaPart& b) { return a.decided > b.decided; });
  std::vector<const json::value*> seen;
  for (size_t i = 0; i < open.size(); ++i) {
    const auto [schema, decided] = open[i];
    if (std::ranges::find(seen, schema) != seen.end()) continue;
    if (seen.size() > 10'000)
      return Err(ErrorCode::kTooLarge, "{}: more than 10000 schemas for one value", Where(*schema));
    seen.push_back(schema);
    BANTAM_RETURN_IF_ERROR(CheckEndless(*schema));
    if (const bool* all = schema->if_bool()) {
      out.never |= !*all;
    } else if (const json::object* object = schema->if_object()) {
      BANTAM_RETURN_IF_ERROR(ReadKeywords(*object, *schema, decided, out, open));
    } else {
      return Err(ErrorCode::kInvalidArgument, "{}: a schema is an object, true or false", Where(*schema));
    }
    // What a decided one leads to is decided, and goes before the rest.
    std::stable_sort(open.begin() + static_cast<ptrdiff_t>(i) + 1, open.end(),
                     [](const SchemaPart& a, const SchemaPart& b) { return a.decided > b.decided; });
  }
  return out;
}

Status SchemaReader::ReadKeywords(const json::object& schema, const json::value& self, bool decided, Merged& out,
                                  SchemaList& open) {
  for (const auto& [key, value] : schema)
    BANTAM_RETURN_IF_ERROR(ReadKeyword(schema, self, key, value, decided, out, open));
  for (const std::string_view key : {"items", "prefixItems", "additionalItems"}) {
    if (!schema.contains(key)) continue;
    BANTAM_RETURN_IF_ERROR(ReadItems(schema, self, out));
    break;
  }
  for (const std::string_view key : {"properties", "patternProperties", "additionalProperties"}) {
    if (!schema.contains(key)) continue;
    BANTAM_RETURN_IF_ERROR(ReadProperties(schema, self, out));
    break;
  }
  return Ok();
}

Status SchemaReader::ReadKeyword(const json::object& schema, const json::value& self, std::string_view key,
                                 const json::value& value, bool decided, Merged& out, SchemaList& open) {
  const auto wrong = [&](std::string_view expected) {
    return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is {}, expected {}", Where(self), key,
               EscapeForTerminal(ToJson(value), 60), expected);
  };
  if (std::ranges::find(kAnnotations, key) != kAnnotations.end() || key.starts_with("x-")) return Ok();
  if (const auto at = std::ranges::find(kRefusals, key, &Refusal::keyword); at != kRefusals.end()) {
    if ((key == "unevaluatedItems" || key == "unevaluatedProperties") && value.is_bool() && value.get_bool())
      return Ok();
    return Refuse(self, key, at->why);
  }
  if (key == "$id" || key == "id") {
    if (&self == &document_ || !value.is_string()) return Ok();
    return Refuse(self, key, "within a schema changes what references mean, and is not followed");
  }
  if (key == "type") {
    uint8_t types = 0;
    std::vector<const json::value*> names{&value};
    if (const json::array* array = value.if_array()) {
      names.clear();
      for (const json::value& each : *array) names.push_back(&each);
    }
    for (const json::value* each : names) {
      const auto type = each->is_string() ? TypeNamed(each->get_string()) : std::nullopt;
      if (!type) return wrong("null, boolean, integer, number, string, array or object, or a list of them");
      types |= *type;
    }
    out.types &= types;
    out.typed = true;
    return Ok();
  }
  if (key == "enum" || key == "const") {
    std::vector<const json::value*> values{&value};
    if (key == "enum") {
      if (!value.is_array()) return wrong("an array");
      values.clear();
      for (const json::value& each : value.get_array()) values.push_back(&each);
    }
    if (out.values) {
      std::erase_if(values, [&](const json::value* each) {
        return std::ranges::none_of(*out.values, [&](const json::value* other) { return SameJson(*each, *other); });
      });
    }
    out.values = std::move(values);
    return Ok();
  }
  if (key == "$ref") {
    BANTAM_TRY(const json::value* const target, Resolve(self, value.get_string()));  // a text: CheckEndless saw it
    open.push_back({target, decided});
    return Ok();
  }
  if (key == "allOf") {
    for (const json::value& each : value.get_array()) open.push_back({&each, decided});
    return Ok();
  }
  if (key == "anyOf" || key == "oneOf") {
    if (decided) return Ok();
    Alternatives alternatives{.schemas = {},
                              .exclusive = key == "oneOf",
                              .with_second = nullptr,
                              .where = fmt::format("{}/{}", Where(self), key)};
    for (const json::value& each : value.get_array()) alternatives.schemas.push_back(&each);
    out.alternatives.push_back(std::move(alternatives));
    return Ok();
  }
  if (key == "dependentRequired" || key == "dependentSchemas" || key == "dependencies") {
    out.spoken_of |= kObject;
    return decided ? Ok() : ReadDependencies(self, key, value, out);
  }
  if (key == "minimum" || key == "maximum" || key == "exclusiveMinimum" || key == "exclusiveMaximum" ||
      key == "multipleOf") {
    out.spoken_of |= kNumber;
    return ReadNumberKeyword(schema, self, key, value, out);
  }
  if (key == "minLength" || key == "maxLength") {
    out.spoken_of |= kString;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    key == "minLength" ? Tighten(out.strings.min_length, count, false) : Tighten(out.strings.max_length, count, true);
    return Ok();
  }
  if (key == "pattern") {
    out.spoken_of |= kString;
    if (!value.is_string()) return wrong("a text");
    out.strings.patterns.emplace_back(std::string(value.get_string()), fmt::format("{}/pattern", Where(self)));
    return Ok();
  }
  if (key == "format") {
    out.spoken_of |= kString;
    if (!value.is_string()) return wrong("a text");
    if (!IsKnownFormat(value.get_string())) {
      return Refuse(
          self, key,
          fmt::format("{} cannot be enforced: known are {}", EscapeForTerminal(ToJson(value), 60), KnownFormats()));
    }
    out.strings.formats.emplace_back(value.get_string());
    return Ok();
  }
  if (key == "items" || key == "prefixItems" || key == "additionalItems") return out.spoken_of |= kArray, Ok();
  if (key == "minItems" || key == "maxItems") {
    out.spoken_of |= kArray;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    key == "minItems" ? Tighten(out.min_items, count, false) : Tighten(out.max_items, count, true);
    return Ok();
  }
  if (key == "uniqueItems") {
    if (!value.is_bool()) return wrong("true or false");
    if (value.get_bool()) out.spoken_of |= kArray, out.unique_items = Where(self);
    return Ok();
  }
  if (key == "properties" || key == "patternProperties" || key == "additionalProperties")
    return out.spoken_of |= kObject, Ok();
  if (key == "propertyNames") {
    out.spoken_of |= kObject;
    Place(value, places_[&self] + "/propertyNames");
    out.names.push_back(&value);
    return Ok();
  }
  if (key == "required") {
    out.spoken_of |= kObject;
    if (value.is_bool()) return Refuse(self, key, "is a list of names since draft-04");
    BANTAM_TRY(const json::array* const array, ArrayOf(self, key, value));
    for (const json::value& each : *array) {
      if (!each.is_string()) return wrong("a list of names");
      if (std::ranges::find(out.required, std::string_view(each.get_string())) == out.required.end())
        out.required.emplace_back(each.get_string());
    }
    return Ok();
  }
  if (key == "minProperties" || key == "maxProperties") {
    out.spoken_of |= kObject;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    if (key == "minProperties") {
      Tighten(out.min_properties, count, false);
      out.min_properties_where = Where(self);
    } else {
      Tighten(out.max_properties, count, true);
    }
    return Ok();
  }
  return Refuse(self, key, "is not a keyword that is known: it would not be enforced");
}

Status SchemaReader::ReadNumberKeyword(const json::object& schema, const json::value& self, std::string_view key,
                                       const json::value& value, Merged& out) {
  const bool is_maximum = key == "maximum" || key == "exclusiveMaximum";
  const bool exclusive = key.starts_with("exclusive");
  if (exclusive && value.is_bool()) return Ok();  // draft-04: told with the bound itself
  const std::optional<Decimal> number = Decimal::From(value);
  if (!number)
    return Refuse(self, key,
                  fmt::format("is {}, expected a number of at most 60 digits", EscapeForTerminal(ToJson(value), 60)));
  if (key == "multipleOf") {
    constexpr uint32_t kMost = 10'000;
    uint64_t of = 0;
    const bool whole =
        number->fraction.empty() && !number->negative &&
        std::from_chars(number->whole.data(), number->whole.data() + number->whole.size(), of).ec == std::errc();
    if (!whole || of == 0 || of > kMost)
      return Refuse(self, key,
                    fmt::format("is {}: only whole numbers from 1 to {} can be enforced",
                                EscapeForTerminal(ToJson(value), 60), kMost));
    out.numbers.multiples.push_back(static_cast<uint32_t>(of));
    return Ok();
  }
  bool strict = exclusive;
  if (!exclusive) {
    const json::value* old = schema.if_contains(is_maximum ? "exclusiveMaximum" : "exclusiveMinimum");
    strict = old != nullptr && old->is_bool() && old->get_bool();
  }
  out.numbers.bounds.push_back({*number, strict, is_maximum});
  return Ok();
}

Status SchemaReader::ReadItems(const json::object& schema, const json::value& self, Merged& out) {
  ItemsPart part;
  const json::value* items = schema.if_contains("items");
  const json::value* prefix = schema.if_contains("prefixItems");
  std::string_view rest_key = "items";
  if (items != nullptr && items->is_array()) {  // before 2020-12
    if (prefix != nullptr) return Refuse(self, "items", "is an array beside \"prefixItems\"");
    prefix = items;
    items = schema.if_contains("additionalItems");
    rest_key = "additionalItems";
    BANTAM_TRY(const json::array* const array, ArrayOf(self, "items", *prefix));
    for (const json::value& each : *array) part.prefix.push_back(&each);
  } else if (prefix != nullptr) {
    BANTAM_TRY(const json::array* const array, ArrayOf(self, "prefixItems", *prefix));
    for (const json::value& each : *array) part.prefix.push_back(&each);
  }
  if (items != nullptr) {
    Place(*items, fmt::format("{}/{}", places_[&self], rest_key));
    part.rest = items;
  }
  out.items.push_back(std::move(part));
  return Ok();
}

Status SchemaReader::ReadProperties(const json::object& schema, const json::value& self, Merged& out) {
  PropertiesPart part;
  for (const std::string_view key : {"properties", "patternProperties"}) {
    const json::value* value = schema.if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY(const json::object* const members, ObjectOf(self, key, *value));
    auto& list = key == "properties" ? part.named : part.patterns;
    for (const auto& [name, each] : *members) list.emplace_back(name, &each);
  }
  if (const json::value* additional = schema.if_contains("additionalProperties")) {
    Place(*additional, places_[&self] + "/additionalProperties");
    part.additional = additional;
  }
  out.properties.push_back(std::move(part));
  return Ok();
}

// "With a, also b" is "without a, or with a and b".
Status SchemaReader::ReadDependencies(const json::value& self, std::string_view key, const json::value& value,
                                      Merged& out) {
  BANTAM_TRY(const json::object* const members, ObjectOf(self, key, value));
  for (const auto& [name, each] : *members) {
    json::object with{{"required", json::array{json::string(name)}}};
    const json::value* also = nullptr;
    if (each.is_array()) {
      json::array names{json::string(name)};
      for (const json::value& other : each.get_array()) names.push_back(other);
      with["required"] = std::move(names);
    } else {
      also = &each;
    }
    const json::value& without = Make(json::object{{"properties", json::object{{name, false}}}}, self);
    json::value made = std::move(with);
    const json::value& first = Make(std::move(made), self);
    Alternatives alternatives{.schemas = {&without, &first},
                              .exclusive = false,
                              .with_second = also,
                              .where = fmt::format("{}/{}", Where(self), key)};
    out.alternatives.push_back(std::move(alternatives));
  }
  return Ok();
}

bool SameJson(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) {
    const auto value = [](const json::value& v) {
      return v.is_int64()    ? static_cast<long double>(v.get_int64())
             : v.is_uint64() ? static_cast<long double>(v.get_uint64())
                             : static_cast<long double>(v.get_double());
    };
    return value(a) == value(b);
  }
  if (a.is_array() && b.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), SameJson);
  }
  if (a.is_object() && b.is_object()) {
    if (a.get_object().size() != b.get_object().size()) return false;
    return std::ranges::all_of(a.get_object(), [&](const auto& member) {
      const json::value* other = b.get_object().if_contains(member.key());
      return other != nullptr && SameJson(member.value(), *other);
    });
  }
  return a == b;
}

}  // namespace bantam::grammar
