// What a list of schemas asks for together: references followed, "allOf" merged, keywords checked.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "text/grammar/schema.h"
#include "text/grammar/schema_values.h"

namespace bantam::grammar {

// One of the schemas that must all hold. `decided`: its alternatives were chosen, and stand beside it. `negated`: it
// must not hold.
struct SchemaPart {
  const json::value* schema = nullptr;
  bool decided = false, negated = false;
  auto operator<=>(const SchemaPart&) const = default;
};
using SchemaList = std::vector<SchemaPart>;  // empty: anything

enum SchemaType : uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,  // numbers that are not integers
  kNumber = kInteger | kFraction,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
};

struct ItemsPart {  // of one schema: items apply after its own prefix, where null is anything
  std::vector<const json::value*> prefix;
  const json::value* rest = nullptr;
};

struct ContainsPart {  // so many items of this kind
  const json::value* schema = nullptr;
  uint64_t least = 1, most = UINT64_MAX;
};

struct KnownNames {
  const json::object* named = nullptr;
  const json::object* patterns = nullptr;
};

struct PropertiesPart {  // of one schema
  const json::object* named = nullptr;
  const json::object* patterns = nullptr;
  const json::value* additional = nullptr;
  std::vector<KnownNames> elsewhere;  // of "unevaluatedProperties": no additional ones, either
};

struct Alternatives {
  std::vector<SchemaList> cases;
  bool exclusive = false;  // oneOf: of one schema each
  std::string where;
};

struct Merged {
  bool never = false;
  uint8_t types = kAnyType;
  bool typed = false;
  uint8_t spoken_of = 0;                                  // types that keywords other than "type" are about
  std::optional<std::vector<const json::value*>> values;  // of "enum" and "const"
  std::vector<const json::value*> excluded;               // of those that must not hold
  NumberRules numbers;
  StringRules strings;
  uint64_t min_items = 0, max_items = UINT64_MAX;
  std::vector<ItemsPart> items;
  std::vector<ContainsPart> contains;
  std::string unique_items;  // where it is asked for
  std::vector<PropertiesPart> properties;
  std::vector<std::string_view> required;  // in the document, as all that is pointed to
  std::vector<const json::value*> names;
  uint64_t min_properties = 0, max_properties = UINT64_MAX;
  std::string min_properties_where;
  std::vector<Alternatives> alternatives;
};

// As JSON Schema compares: 1 is 1.0.
bool SameJson(const json::value& a, const json::value& b);

// Says nothing about which documents are valid.
bool IsAnnotation(std::string_view keyword);
// "$ref", and those which lead to the same place where the whole document has one "$id".
bool IsReference(std::string_view keyword);

// "a/b" -> "a~1b", as a JSON pointer has it (RFC 6901).
std::string EscapePointerToken(std::string_view key);

// Refers to the document. schema_references.cc follows references, schema_keywords.cc reads the keywords,
// schema_negation.cc those of schemas that must not hold, schema_unevaluated.cc what is left over by others.
class SchemaReader {
 public:
  SchemaReader(const json::value& document, std::string_view name, Budget& budget)
      : document_(document), name_(name), budget_(budget) {
    places_.emplace(&document, Place{});
  }
  // Its size, and the draft that it is written in.
  Status CheckDocument() const;
  Result<Merged> Merge(const SchemaList& list);
  // "NAME: #/properties/a".
  std::string Where(const json::value& schema) const;
  Status Refuse(const json::value& schema, std::string_view keyword, std::string_view why) const;
  // A schema that stands for a keyword of `at`, with its place.
  const json::value& Make(json::value value, const json::value& at);

 private:
  enum class Mark : uint8_t { kOpen, kDone };
  // As steps from one schema to the next: whole paths of deep schemas with long names would take more than these.
  struct Place {
    const json::value* within = nullptr;
    std::string step;
  };
  void PutAt(const json::value& schema, const json::value& within, std::string step) {
    places_.try_emplace(&schema, Place{&within, std::move(step)});
  }
  using SchemaSet = std::unordered_set<const json::value*>;
  struct Holding {  // of the schemas that a list leads to: those that hold, and those that must not
    SchemaSet yes, no;
  };
  Result<const json::value*> Resolve(const json::value& from, std::string_view reference);
  Result<std::vector<const json::value*>> InPlace(const json::value& schema);
  Status CheckEndless(const json::value& schema);
  // Adds the parts of the only case, or alternatives; none: never.
  static void AddCases(std::vector<SchemaList> cases, bool decided, std::string where, Merged& out, SchemaList& open);
  Status ReadNegated(const json::object& schema, const json::value& self, bool decided, Merged& out, SchemaList& open);
  Status ReadNegatedCondition(const json::object& schema, const json::value& self, std::string_view key,
                              const json::value& value, Merged& out);
  Result<const std::vector<SchemaList>*> Failures(const json::object& schema, const json::value& self);
  Result<std::vector<SchemaList>> FailuresOf(const json::object& schema, const json::value& self, std::string_view key,
                                             const json::value& value);
  Result<const json::value*> MakeFrom(const json::value& self, json::object schema);
  Status ReadUnevaluated(const json::object& schema, const json::value& self, const Holding& holding, Merged& out);
  Result<std::vector<const json::value*>> Evaluating(const json::value& self, const Holding& holding,
                                                     const Merged& merged);
  Status ReadKeywords(const json::object& schema, const json::value& self, bool decided, Merged& out, SchemaList& open);
  Status ReadKeyword(const json::object& schema, const json::value& self, std::string_view key,
                     const json::value& value, bool decided, Merged& out, SchemaList& open);
  Status ReadNumberKeyword(const json::object& schema, const json::value& self, std::string_view key,
                           const json::value& value, Merged& out);
  Status ReadItems(const json::object& schema, const json::value& self, Merged& out);
  Status ReadProperties(const json::object& schema, const json::value& self, Merged& out);
  Status ReadDependencies(const json::value& self, std::string_view key, const json::value& value, Merged& out);
  Result<const json::array*> ArrayOf(const json::value& self, std::string_view key, const json::value& value);
  Result<const json::object*> ObjectOf(const json::value& self, std::string_view key, const json::value& value);
  Result<uint64_t> Count(const json::value& self, std::string_view key, const json::value& value) const;

  const json::value& document_;
  const std::string name_;
  Budget& budget_;
  std::unordered_map<const json::value*, Place> places_;
  std::unordered_map<const json::value*, Mark> marks_;
  std::unordered_map<const json::value*, std::vector<SchemaList>> failures_;
  std::deque<json::value> made_;  // schemas that stand for keywords
  std::optional<std::map<std::string, const json::value*, std::less<>>> anchors_;
};

}  // namespace bantam::grammar
