// Typed reading of a YAML tree that goes on after a mistake, so that a file's author sees many of them at once.
//
//   YamlMap map(node, "the cache", problems);
//   cache.ttl = map.Duration("ttl", cache.ttl);
//   map.Finish();                                   // complains of keys that nobody asked for
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"
#include "route/yaml_node.h"

namespace bantam {

// What is wrong with a file, in the file's order, as `FILE:LINE:COL: problem; mend`.
class Problems {
 public:
  static constexpr size_t kMostShown = 20;

  explicit Problems(Path file) : file_(std::move(file)) {}

  template <typename... Args>
  void Error(YamlPlace place, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back({place, fmt::format(format, std::forward<Args>(args)...)});
  }
  template <typename... Args>
  void Warning(YamlPlace place, fmt::format_string<Args...> format, Args&&... args) {
    warnings_.push_back({place, fmt::format(format, std::forward<Args>(args)...)});
  }

  bool any() const { return !errors_.empty(); }
  size_t num_errors() const { return errors_.size(); }
  // All of them in one text, one a line, sorted by place; at most kMostShown and then how many more there are.
  bantam::Error AsError() const;
  std::vector<std::string> Warnings() const;
  const Path& file() const { return file_; }

 private:
  std::string Line(const YamlProblem& problem) const;
  Path file_;
  std::vector<YamlProblem> errors_, warnings_;
};

// Numbers as people write them in a configuration: no octal, hexadecimal, infinity, underscores or leading zeros.
std::optional<double> ParseStrictNumber(std::string_view text);
std::optional<int64_t> ParseStrictInteger(std::string_view text);
// "20s", "500ms", "24h", "30m", "1d", "1.5h"; a bare number is refused (of what?).
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string DurationText(std::chrono::milliseconds duration);

// Reads a node as one kind of value, or complains and gives nothing. `what` names it: "ttl".
std::optional<std::string> ReadText(const YamlNode& node, std::string_view what, Problems& problems);
std::optional<double> ReadNumber(const YamlNode& node, std::string_view what, double minimum, double maximum,
                                 Problems& problems);

// One mapping. Asking for a key makes it known. Every question has a default, which stands when the key is absent or
// wrong.
class YamlMap {
 public:
  // `what` names the mapping in messages: "route \"refund\"". A node that is no mapping is complained of.
  YamlMap(const YamlNode& node, std::string what, Problems& problems);

  bool valid() const { return valid_; }
  YamlPlace place() const { return node_.place; }
  const std::string& what() const { return what_; }
  Problems& problems() { return problems_; }

  // Null when the key is absent.
  const YamlNode::Entry* Find(std::string_view key);
  bool Has(std::string_view key) const { return node_.Find(key) != nullptr; }
  bool HasList(std::string_view key) const;  // and its value is a sequence
  // Whether a key of the file is so near to this one that it must be a slip.
  bool HasKeyLike(std::string_view key) const;
  // Where to point for a key: its value, or the mapping when it is absent.
  YamlPlace PlaceOf(std::string_view key) const;

  std::string Text(std::string_view key, std::string_view other = {});
  std::string RequiredText(std::string_view key, std::string_view mend);
  std::optional<double> Number(std::string_view key, double minimum, double maximum);
  int64_t Integer(std::string_view key, int64_t other, int64_t minimum, int64_t maximum);
  bool Bool(std::string_view key, bool other);
  std::chrono::milliseconds Duration(std::string_view key, std::chrono::milliseconds other,
                                     std::chrono::milliseconds minimum, std::chrono::milliseconds maximum);
  // One of the words; `other` may be empty for a key that must be there.
  std::string OneOf(std::string_view key, const std::vector<std::string>& words, std::string_view other);
  std::vector<std::pair<std::string, YamlPlace>> TextList(std::string_view key);
  // The node of a mapping or a sequence; null when absent or of another kind (complained of).
  const YamlNode* Map(std::string_view key);
  const YamlNode* Sequence(std::string_view key);

  // `known_elsewhere`: keys that exist, but not in this context; they get a message of their own (`context`: "type
  // number").
  void Finish(const std::vector<std::string>& known_elsewhere = {}, std::string_view context = {});

 private:
  const YamlNode& node_;
  std::string what_;
  Problems& problems_;
  bool valid_ = false;
  std::vector<std::string> asked_;
};

}  // namespace bantam
