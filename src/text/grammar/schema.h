// JSON Schema 2020-12 (and what earlier drafts write otherwise) as a grammar: every text of it is a valid document.
// What cannot be enforced while text is written is refused, with the keyword and its place; nothing is dropped.
// docs/reference/constrained-output.md has the list.
//
//   BANTAM_TRY(auto grammar, grammar::FromSchema(document, "schema", {}));
#pragma once

#include "base/json.h"
#include "text/grammar/grammar.h"

namespace bantam::grammar {

struct SchemaOptions {
  // Without "type", a schema that speaks of properties means objects, and so on; without "additionalProperties" an
  // object has no properties but those that are declared. Fewer documents than the standard allows, but those that are
  // meant.
  bool narrow = true;
  // One space may stand within brackets too, not only after "," and ":".
  bool loose_spaces = false;
  // Python's True, False and None.
  bool python_literals = false;
  // The document's own properties are written as arguments of a call, name=value, without braces.
  bool as_arguments = false;
  // Of all documents that the schema allows, objects.
  bool only_objects = false;
};

Result<std::shared_ptr<const Grammar>> FromSchema(const json::value& schema, std::string_view name,
                                                  const SchemaOptions& options);
// A rule of `builder` for its documents, to be called by others; the schema may go afterwards. Errors begin with
// `name`.
Result<uint32_t> AddSchema(GrammarBuilder& builder, const json::value& schema, std::string_view name,
                           const SchemaOptions& options);

}  // namespace bantam::grammar
