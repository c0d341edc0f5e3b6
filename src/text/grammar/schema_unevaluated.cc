// "unevaluatedProperties" and "unevaluatedItems": what no schema that holds for the same value, at the place or within
// it, speaks of. Where only some of several schemas that might hold are chosen, those count: fewer are written than the
// standard allows.
#include <algorithm>

#include "text/grammar/schema_reader.h"

namespace bantam::grammar {
namespace {

// Stands for nothing but its target, and so may be another that reads alike.
bool IsOnlyReference(const json::object& schema) {
  return std::ranges::all_of(schema, [](const auto& member) {
    return member.key() == "$ref" || member.key() == "title" || member.key() == "description";
  });
}

}  // namespace

Result<std::vector<const json::value*>> SchemaReader::Evaluating(const json::value& self, const Holding& holding,
                                                                 const Merged& merged) {
  std::vector<const json::value*> out{&self};
  SchemaSet seen{&self};
  const auto follow = [&](const json::value* next) -> Status {
    if (!budget_.Spend(20)) return Budget::TooMuchWork();
    const json::object* object = next->if_object();
    if (!holding.yes.contains(next) && object != nullptr && object->contains("$ref") && IsOnlyReference(*object)) {
      BANTAM_TRY(next, Resolve(*next, object->at("$ref").get_string()));
    }
    if (holding.yes.contains(next) && seen.insert(next).second) out.push_back(next);
    return Ok();
  };
  for (size_t i = 0; i < out.size(); ++i) {
    if (!budget_.Spend(100)) return Budget::TooMuchWork();
    const json::value& at = *out[i];
    const json::object* object = at.if_object();
    if (object == nullptr) continue;
    for (const auto& [key, value] : *object) {
      if (key == "allOf" || key == "anyOf" || key == "oneOf") {
        for (const json::value& each : value.get_array()) BANTAM_RETURN_IF_ERROR(follow(&each));
      } else if (IsReference(key)) {
        BANTAM_TRY(const json::value* const target, Resolve(at, value.get_string()));
        BANTAM_RETURN_IF_ERROR(follow(target));
      } else if (key == "if") {
        const json::value* chosen = holding.yes.contains(&value)  ? object->if_contains("then")
                                    : holding.no.contains(&value) ? object->if_contains("else")
                                                                  : nullptr;
        BANTAM_RETURN_IF_ERROR(follow(&value));
        if (chosen != nullptr) BANTAM_RETURN_IF_ERROR(follow(chosen));
      } else if ((key == "dependentSchemas" || key == "dependencies") && value.is_object() && merged.types == kObject) {
        for (const auto& [name, each] : value.get_object()) {
          if (!budget_.Spend(merged.required.size())) return Budget::TooMuchWork();
          if (std::ranges::find(merged.required, std::string_view(name)) != merged.required.end())
            BANTAM_RETURN_IF_ERROR(follow(&each));
        }
      }
    }
  }
  return out;
}

Status SchemaReader::ReadUnevaluated(const json::object& schema, const json::value& self, const Holding& holding,
                                     Merged& out) {
  const json::value* properties = schema.if_contains("unevaluatedProperties");
  const json::value* items = schema.if_contains("unevaluatedItems");
  if (properties == nullptr && items == nullptr) return Ok();
  BANTAM_TRY(const std::vector<const json::value*> evaluating, Evaluating(self, holding, out));
  PropertiesPart names;
  size_t prefix = 0;
  for (const json::value* each : evaluating) {
    const json::object* object = each->if_object();
    if (object == nullptr) continue;
    const auto says = [&](std::string_view key) { return object->contains(key); };
    const auto object_of = [&](std::string_view key) { return says(key) ? object->at(key).if_object() : nullptr; };
    if (says("additionalProperties") || (each != &self && says("unevaluatedProperties"))) properties = nullptr;
    if (says("properties") || says("patternProperties"))
      names.elsewhere.push_back({object_of("properties"), object_of("patternProperties")});
    const json::value* prefix_items = object->if_contains("prefixItems");
    if (const json::value* own = object->if_contains("items"); own != nullptr) {
      if (own->is_array()) prefix_items = own;  // before 2020-12
      if (!own->is_array() || says("additionalItems")) items = nullptr;
    }
    if (each != &self && says("unevaluatedItems")) items = nullptr;
    if (prefix_items != nullptr && prefix_items->is_array())
      prefix = std::max(prefix, prefix_items->get_array().size());
  }
  if (properties != nullptr) {
    PutAt(*properties, self, "/unevaluatedProperties");
    names.additional = properties;
    out.properties.push_back(std::move(names));
  }
  if (items != nullptr) {
    PutAt(*items, self, "/unevaluatedItems");
    out.items.push_back({.prefix = std::vector<const json::value*>(prefix), .rest = items});
  }
  return Ok();
}

}  // namespace bantam::grammar
