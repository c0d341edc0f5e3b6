// A YAML document as a tree that remembers where everything stands. yaml-cpp does the lexing; what it leaves open is
// decided here: duplicate keys, tags, anchors and aliases, several documents, endless nesting and unclosed quotes are
// errors.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bantam {

// Line and column from 1; columns count code points, as editors do.
struct YamlPlace {
  int line = 1;
  int column = 1;
  bool operator==(const YamlPlace&) const = default;
  auto operator<=>(const YamlPlace&) const = default;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  struct Entry;  // one key and its value

  Kind kind = Kind::kNull;
  YamlPlace place;
  bool plain = false;  // a scalar without quotes: may be read as a number or a truth value
  std::string scalar;
  std::vector<YamlNode> items;  // kSequence
  std::vector<Entry> entries;   // kMap, in the file's order, keys distinct

  const Entry* Find(std::string_view key) const;
};

struct YamlNode::Entry {
  std::string key;
  YamlPlace key_place;
  YamlNode value;
};

std::string_view YamlKindName(YamlNode::Kind kind);  // "nothing", "a text", "a list", "a mapping"

struct YamlLimits {
  size_t max_bytes = size_t{4} << 20;
  int max_depth = 32;
  size_t max_nodes = 200'000;
};

// One complaint about a file. The text ends with the mend: `unknown key "utterence"; did you mean "utterances"?`
struct YamlProblem {
  YamlPlace place;
  std::string text;
};

struct YamlParse {
  YamlNode root;
  std::vector<YamlProblem> problems;  // empty: all is well. What could be read is in `root` all the same.
  bool complete = true;               // false: the text could not be read to its end, so `root` is not to be judged
};

YamlParse ParseYaml(std::string_view text, const YamlLimits& limits = {});

}  // namespace bantam
