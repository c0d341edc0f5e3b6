// Rules for the values that schemas allow: one for each list of schemas that hold together.
#pragma once

#include <deque>
#include <map>
#include <span>

#include "text/grammar/schema_reader.h"

namespace bantam::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(GrammarBuilder& builder, const json::value& document, std::string_view name,
                 const SchemaOptions& options)
      : reader_(document, name, builder.budget),
        document_(document),
        name_(name),
        options_(options),
        builder_(builder) {}
  // The rule of the document.
  Result<uint32_t> Run();

 private:
  struct ExtraKeys {  // properties that are not declared
    Dfa key;
    SchemaList value;
  };

  struct Property {
    std::string_view name;
    uint32_t rule;
    bool required;
  };
  struct Members {
    const std::vector<Property>& properties;
    const std::vector<ExtraKeys>& extras;
    uint64_t least, most;
  };

  // The first schema that says the same: plain ones are alike in many places, and what is found out about a rule while
  // text is written holds for all of them.
  const json::value* Alike(const json::value& schema);
  // The rule of a list of schemas, made later.
  Result<uint32_t> RuleOf(SchemaList list);
  Status Compile(const SchemaList& list, uint32_t rule);
  Status Branch(const SchemaList& list, const Merged& merged, uint32_t rule);
  Status KeepApart(const SchemaList& base, Alternatives& alternatives);
  Result<bool> Impossible(const SchemaList& list, int depth = 0);
  static uint8_t TypesOf(const Merged& merged, bool narrow);

  Status AddValues(const Merged& merged, uint8_t types, uint32_t from, uint32_t to);
  Result<bool> Allowed(const json::value& value, const Merged& merged, uint8_t types);
  uint32_t AddJson(uint32_t from, const json::value& value);
  Status AddString(const StringRules& rules, uint32_t from, uint32_t to);
  Status AddArray(const Merged& merged, uint32_t from, uint32_t to);
  Result<uint32_t> RuleOfItem(const Merged& merged, uint64_t at, SchemaList also = {});
  Status AddContaining(const Merged& merged, const ContainsPart& contains, uint32_t from, uint32_t to);
  Result<std::optional<std::vector<const json::value*>>> DistinctItems(const Merged& merged);
  Status AddDistinct(const Merged& merged, std::span<const json::value* const> values, uint32_t from, uint32_t to);
  Status AddObject(const Merged& merged, uint32_t from, uint32_t to, bool as_arguments = false);
  Status AddMembers(const Members& members, uint32_t from, uint32_t to, bool as_arguments);
  Status AddArguments(uint32_t rule);
  Result<std::vector<ExtraKeys>> Extras(const Merged& merged, std::span<const std::string_view> names);
  Result<SchemaList> PropertySchemas(const Merged& merged, std::string_view name);
  Result<bool> NameAllowed(const Merged& merged, std::string_view name);
  Result<bool> TextAllowed(const StringRules& rules, std::string_view text);
  Result<bool> Matches(const StringRules& one, std::string_view text);
  StringRules RulesOfName(std::string_view pattern) const;
  uint32_t AddSpace(uint32_t from, bool within_brackets = false);

  Nfa& nfa() { return builder_.nfa; }

  SchemaReader reader_;
  const json::value& document_;
  const std::string name_;
  const SchemaOptions options_;
  GrammarBuilder& builder_;
  std::map<SchemaList, uint32_t> rules_;
  std::map<std::string, const json::value*> plain_;
  std::deque<std::pair<SchemaList, uint32_t>> open_;
  std::map<std::pair<bool, std::string>, Dfa> automata_;  // of formats, and of patterns
};

}  // namespace bantam::grammar
