#include "text/grammar/schema_reader.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam::grammar {

std::string SchemaReader::Where(const json::value& schema) const {
  constexpr size_t kShown = 200;
  std::vector<const std::string*> steps;
  auto at = places_.find(&schema);
  const bool known = at != places_.end();
  while (at != places_.end()) {
    steps.push_back(&at->second.step);
    at = places_.find(at->second.within);
  }
  std::string path;
  for (size_t i = steps.size(); i > 0 && path.size() <= kShown; --i) path += steps[i - 1]->substr(0, kShown + 1);
  return fmt::format("{}: #{}", name_, known ? EscapeForTerminal(path, kShown) : "?");
}

Status SchemaReader::Refuse(const json::value& schema, std::string_view keyword, std::string_view why) const {
  return Err(ErrorCode::kUnsupported, "{}: \"{}\" {}", Where(schema), EscapeForTerminal(keyword, 60), why);
}

const json::value& SchemaReader::Make(json::value value, const json::value& at) {
  const json::value& made = made_.emplace_back(std::move(value));
  PutAt(made, at, "");
  return made;
}

Status SchemaReader::CheckDocument() const {
  size_t bytes = 0;  // as the document would be written, roughly
  std::vector<const json::value*> open{&document_};
  while (!open.empty()) {
    const json::value& value = *open.back();
    open.pop_back();
    bytes += 2 + (value.is_string() ? value.get_string().size() : 0);
    if (const json::array* array = value.if_array()) {
      for (const json::value& each : *array) open.push_back(&each);
    } else if (const json::object* object = value.if_object()) {
      for (const auto& [key, each] : *object) bytes += key.size() + 3, open.push_back(&each);
    }
    if (bytes > Limits::kTextBytes)
      return Err(ErrorCode::kTooLarge, "{}: larger than {}, the limit of a schema", name_,
                 HumanBytes(Limits::kTextBytes));
  }
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
  for (size_t i = 0; i < array->size(); ++i) PutAt((*array)[i], self, fmt::format("/{}/{}", key, i));
  return array;
}

Result<const json::object*> SchemaReader::ObjectOf(const json::value& self, std::string_view key,
                                                   const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is no object", Where(self), key);
  for (const auto& [name, each] : *object) PutAt(each, self, fmt::format("/{}/{}", key, EscapePointerToken(name)));
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
  Holding seen;
  std::vector<const json::value*> in_order;
  // Those whose alternatives were chosen come first: reached again they are not asked once more.
  for (const bool decided : {true, false}) {
    SchemaList open;
    for (const SchemaPart& part : list) {
      if (part.decided == decided) open.push_back(part);
    }
    for (size_t i = 0; i < open.size(); ++i) {
      const json::value* schema = open[i].schema;
      const bool negated = open[i].negated;
      if (!(negated ? seen.no : seen.yes).insert(schema).second) continue;
      if (!budget_.Spend(50)) return Budget::TooMuchWork();
      BANTAM_RETURN_IF_ERROR(CheckEndless(*schema));
      if (const bool* all = schema->if_bool()) {
        out.never |= *all == negated;
      } else if (const json::object* object = schema->if_object()) {
        BANTAM_RETURN_IF_ERROR(negated ? ReadNegated(*object, *schema, decided, out, open)
                                       : ReadKeywords(*object, *schema, decided, out, open));
        if (!negated) in_order.push_back(schema);
      } else {
        return Err(ErrorCode::kInvalidArgument, "{}: a schema is an object, true or false", Where(*schema));
      }
    }
  }
  for (const json::value* schema : in_order)
    BANTAM_RETURN_IF_ERROR(ReadUnevaluated(schema->get_object(), *schema, seen, out));
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
