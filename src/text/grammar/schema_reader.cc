#include "text/grammar/schema_reader.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam::grammar {

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
  for (const auto& [name, each] : *object) Place(each, fmt::format("{}/{}/{}", base, key, EscapePointerToken(name)));
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
