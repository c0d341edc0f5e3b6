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
};

Result<std::shared_ptr<const Grammar>> FromSchema(const json::value& schema, std::string_view name,
                                                  const SchemaOptions& options);

}  // namespace bantam::grammar
