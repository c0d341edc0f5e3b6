#include "route/yaml_node.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "base/text_util.h"

namespace bantam {
namespace {

// Start of each line, to turn the byte columns of yaml-cpp into columns that people count.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  size_t Offset(const YAML::Mark& mark) const {
    const size_t line = mark.line < 0 ? 0 : std::min(static_cast<size_t>(mark.line), starts_.size() - 1);
    return std::min(starts_[line] + static_cast<size_t>(std::max(mark.column, 0)), text_.size());
  }

  YamlPlace PlaceOf(const YAML::Mark& mark) const {
    const size_t line = mark.line < 0 ? 0 : std::min(static_cast<size_t>(mark.line), starts_.size() - 1);
    const size_t end = Offset(mark);
    int column = 1;
    for (size_t i = starts_[line]; i < end; ++i) column += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;
    return {static_cast<int>(line) + 1, column};
  }

  YamlPlace PlaceOf(size_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const size_t line = static_cast<size_t>(after - starts_.begin()) - 1;
    YAML::Mark mark;
    mark.line = static_cast<int>(line);
    mark.column = static_cast<int>(offset - starts_[line]);
    return PlaceOf(mark);
  }

  // The text of a line from 1, without its end.
  std::string_view Line(int number) const {
    if (number < 1 || static_cast<size_t>(number) > starts_.size()) return {};
    const size_t begin = starts_[static_cast<size_t>(number) - 1];
    return text_.substr(begin, text_.find('\n', begin) - begin);
  }

  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
  std::vector<size_t> starts_;
};

// yaml-cpp 0.7 takes the end of the file for the closing quote.
bool QuoteIsClosed(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != '\'') return true;
      ++i;  // '' inside a single-quoted text
    } else if (text[i] == '\\' && quote == '"') {
      ++i;
    }
  }
  return false;
}

// Builds the tree from the parser's events. After a limit is broken it ignores what follows (the parser cannot be
// stopped from here, but the text is bounded).
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Lines& lines, const YamlLimits& limits, YamlParse& out)
      : lines_(lines), limits_(limits), out_(out) {}

  bool stopped() const { return stopped_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) Stop(mark, "a second document begins here; keep one per file and remove this \"---\"");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Leaf(mark, anchor, "", {}, YamlNode::Kind::kNull);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Complain(mark, "aliases (*name) are not read here; write the value out");
    Leaf(mark, 0, "", {}, YamlNode::Kind::kNull);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Leaf(mark, anchor, tag, value, YamlNode::Kind::kScalar);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    YamlNode node;
    bool has_key = false;     // kMap: the next value belongs to `key`
    bool skip_value = false;  // its key was refused
    std::string key;
    YamlPlace key_place;
    std::unordered_map<std::string, YamlPlace> keys;
  };

  void Complain(const YAML::Mark& mark, std::string text) {
    if (!stopped_) out_.problems.push_back({lines_.PlaceOf(mark), std::move(text)});
  }
  void Stop(const YAML::Mark& mark, std::string text) {
    Complain(mark, std::move(text));
    stopped_ = true;
    out_.complete = false;
  }

  // True when the node is one to build.
  bool Begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (stopped_) return false;
    if (++nodes_ > limits_.max_nodes) {
      Stop(mark, fmt::format("more than {} values; move examples into an examples_file", limits_.max_nodes));
      return false;
    }
    if (anchor != 0) Complain(mark, "anchors (&name) are not read here; write the value out where it is used");
    if (!tag.empty() && tag != "?" && tag != "!") {
      Complain(mark, fmt::format("tags such as {} are not read here; remove it", EscapeForTerminal(tag, 60)));
    }
    return true;
  }

  void Leaf(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag, const std::string& value,
            YamlNode::Kind kind) {
    if (!Begin(mark, tag, anchor)) return;
    YamlNode node;
    node.kind = kind;
    node.place = lines_.PlaceOf(mark);
    node.plain = kind == YamlNode::Kind::kScalar && tag != "!";
    node.scalar = value;
    if (kind == YamlNode::Kind::kScalar && !node.plain) {
      const size_t at = lines_.Offset(mark);
      if (at < lines_.text().size() && (lines_.text()[at] == '"' || lines_.text()[at] == '\'') &&
          !QuoteIsClosed(lines_.text(), at)) {
        Stop(mark, fmt::format("this text has no closing {}; add it", lines_.text()[at]));
        return;
      }
    }
    Add(std::move(node));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (!Begin(mark, tag, anchor)) return;
    if (static_cast<int>(stack_.size()) >= limits_.max_depth) {
      Stop(mark, fmt::format("nested more than {} levels deep; flatten it", limits_.max_depth));
      return;
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = lines_.PlaceOf(mark);
    stack_.push_back(std::move(frame));
  }

  void Close() {
    if (stopped_ || stack_.empty()) return;
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (stack_.empty()) {
      out_.root = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    if (top.node.kind == YamlNode::Kind::kSequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      TakeKey(top, node);
    } else {
      top.has_key = false;
      if (top.skip_value) return;
      // An empty value's mark is wherever the next token stands; its key is the better place to point at.
      if (node.kind == YamlNode::Kind::kNull) node.place = top.key_place;
      top.node.entries.push_back({std::move(top.key), top.key_place, std::move(node)});
    }
  }

  void TakeKey(Frame& top, const YamlNode& node) {
    top.has_key = true;
    top.skip_value = true;
    if (node.kind != YamlNode::Kind::kScalar) {
      out_.problems.push_back(
          {node.place,
           fmt::format("a key must be a word, this one is {}; write it as \"key: value\"", YamlKindName(node.kind))});
      return;
    }
    const auto [before, is_new] = top.keys.emplace(node.scalar, node.place);
    if (!is_new) {
      out_.problems.push_back({node.place, fmt::format("the key \"{}\" is here twice, first in line {}; remove one",
                                                       EscapeForTerminal(node.scalar, 60), before->second.line)});
      return;
    }
    top.skip_value = false;
    top.key = node.scalar;
    top.key_place = node.place;
  }

  const Lines& lines_;
  const YamlLimits& limits_;
  YamlParse& out_;
  std::vector<Frame> stack_;
  size_t nodes_ = 0;
  int documents_ = 0;
  bool stopped_ = false;
};

// What most people did wrong when yaml-cpp says this.
std::string SyntaxMend(std::string_view message, const Lines& lines, YamlPlace place) {
  for (const int number : {place.line, place.line - 1}) {
    const std::string_view line = lines.Line(number);
    const size_t word = line.find_first_not_of(" \t");
    if (word != std::string_view::npos && line.substr(0, word).find('\t') != std::string_view::npos) {
      return fmt::format("line {} is indented with a tab; use spaces", number);
    }
  }
  const auto says = [&](std::string_view part) { return message.find(part) != std::string_view::npos; };
  if (says("illegal map value")) return "put a text that holds \": \" into quotes";
  if (says("unknown token")) return "put a text that begins with @, ` or % into quotes";
  if (says("end of map not found") || says("end of sequence not found")) {
    return "check the indentation and the quotes of this line and the one before";
  }
  if (says("flow")) return "a list or mapping that was opened with [ or { is not closed before here";
  if (says("anchor")) return "aliases (*name) are not read here; put a text that begins with * into quotes";
  return "check the indentation and the quotes around here";
}

// Control characters would reach people's terminals through answers and messages; YAML forbids them as well.
std::optional<size_t> FirstControl(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return i;
  }
  return std::nullopt;
}

}  // namespace

const YamlNode::Entry* YamlNode::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::string_view YamlKindName(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a text";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "nothing";
}

YamlParse ParseYaml(std::string_view text, const YamlLimits& limits) {
  YamlParse out;
  const auto refuse = [&](YamlPlace place, std::string problem) {
    out.problems.push_back({place, std::move(problem)});
    out.complete = false;
  };
  if (text.size() > limits.max_bytes) {
    refuse({}, fmt::format("the file has {}, the limit is {}; move examples into an examples_file",
                           HumanBytes(text.size()), HumanBytes(limits.max_bytes)));
    return out;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const Lines lines(text);
  if (const auto bad = FirstInvalidUtf8(text)) {
    refuse(lines.PlaceOf(*bad), "not UTF-8; save the file as UTF-8");
    return out;
  }
  if (const auto bad = FirstControl(text)) {
    refuse(lines.PlaceOf(*bad),
           fmt::format("control character 0x{:02X}; remove it", static_cast<unsigned char>(text[*bad])));
    return out;
  }
  TreeBuilder builder(lines, limits, out);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (!builder.stopped() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::DeepRecursion&) {
    if (!builder.stopped()) refuse({}, fmt::format("nested more than {} levels deep; flatten it", limits.max_depth));
  } catch (const YAML::Exception& e) {
    if (!builder.stopped()) {
      const YamlPlace place = lines.PlaceOf(e.mark);
      refuse(place, fmt::format("not valid YAML ({}); {}", e.msg, SyntaxMend(e.msg, lines, place)));
    }
  } catch (const std::bad_alloc&) {
    throw;  // not the file's fault: whoever called says so
  } catch (const std::exception& e) {
    if (!builder.stopped()) refuse({}, fmt::format("not valid YAML ({}); check the file's syntax", e.what()));
  }
  return out;
}

}  // namespace bantam
