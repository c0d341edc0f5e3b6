#include "learn/examples.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/sha256.h"
#include "base/text_util.h"
#include "learn/json_lines.h"

namespace bantam {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr size_t kMaxLabelBytes = 255;

Result<bool> Wanted(const JsonObject& line, const ReadExamplesOptions& options, std::set<std::string>& seen) {
  if (options.splits.empty()) return true;
  BANTAM_TRY(const std::string split, line.String("split"));
  const bool wanted = std::find(options.splits.begin(), options.splits.end(), split) != options.splits.end();
  if (seen.size() < 100) seen.insert(split);
  return wanted;
}

Result<LabelledText> ParseExample(const JsonObject& line, const ReadExamplesOptions& options) {
  LabelledText example;
  BANTAM_TRY(example.text, line.String("text"));
  if (example.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Err(ErrorCode::kInvalidArgument, "{} is empty; remove the line", line.Where("text"));
  }
  if (example.text.size() > kMaxTextBytes) {
    return Err(ErrorCode::kTooLarge, "{} has {} bytes, the limit is {}", line.Where("text"), example.text.size(),
               kMaxTextBytes);
  }
  if (options.default_label.empty() || line.Has("label")) {
    BANTAM_TRY(example.label, line.String("label"));
  } else {
    example.label = options.default_label;
  }
  if (example.label.empty() || example.label.size() > kMaxLabelBytes) {
    return Err(ErrorCode::kInvalidArgument, "{} has {} bytes, expected 1 to {}", line.Where("label"),
               example.label.size(), kMaxLabelBytes);
  }
  return example;
}

// Equal but for ASCII case and white space.
std::string FoldKey(std::string_view text) {
  std::string key;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) {
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!key.empty() && key.back() != ' ') {
      key += ' ';
    }
  }
  if (!key.empty() && key.back() == ' ') key.pop_back();
  return key;
}

}  // namespace

Result<std::vector<LabelledText>> ReadExamples(const Path& path, const ReadExamplesOptions& options) {
  const std::string name = EscapeForTerminal(path.string());
  std::vector<LabelledText> examples;
  std::set<std::string> splits;
  BANTAM_RETURN_IF_ERROR(ReadJsonLines(path, [&](const JsonObject& object) -> Status {
    BANTAM_TRY(const bool wanted, Wanted(object, options, splits));
    if (!wanted) return Ok();
    BANTAM_TRY(LabelledText example, ParseExample(object, options));
    examples.push_back(std::move(example));
    return Ok();
  }));
  if (examples.empty() && !splits.empty()) {
    std::string list;
    for (const std::string& split : splits) list += (list.empty() ? "" : ", ") + EscapeForTerminal(split);
    return Err(ErrorCode::kInvalidArgument, "{}: no line has the split asked for; the file has {}", name, list);
  }
  if (examples.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "{}: no examples; expected lines such as {{\"text\": \"where is my refund\", \"label\": \"refund\"}}",
               name);
  }
  return examples;
}

std::string ExamplesSha256(std::span<const LabelledText> examples) {
  std::vector<const LabelledText*> sorted;
  for (const LabelledText& example : examples) sorted.push_back(&example);
  std::sort(sorted.begin(), sorted.end(), [](const LabelledText* a, const LabelledText* b) {
    return std::tie(a->label, a->text, a->hint) < std::tie(b->label, b->text, b->hint);
  });
  Sha256 hash;
  for (const LabelledText* example : sorted) {
    // Lengths first: without them ("ab", "c") and ("a", "bc") would hash alike.
    hash.Update(fmt::format("{}{} {} ", example->hint ? "hint " : "", example->label.size(), example->text.size()));
    hash.Update(example->label).Update(example->text);
  }
  return HexOf(hash.Finish());
}

std::string WordsOfName(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0; };
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  std::string words;
  int letters = 0, most_letters = 0;  // in a row
  for (size_t i = 0; i < name.size(); ++i) {
    const bool letter = is_letter(name[i]);
    const bool keep = letter || (name[i] >= '0' && name[i] <= '9') || name[i] == '\'';
    // cardDeclined
    const bool new_word = is_upper(name[i]) && i > 0 && is_letter(name[i - 1]) && !is_upper(name[i - 1]);
    if ((!keep || new_word) && !words.empty() && words.back() != ' ') words += ' ';
    if (keep) words += name[i];
    letters = letter ? letters + 1 : 0;
    most_letters = std::max(most_letters, letters);
  }
  if (words.ends_with(' ')) words.pop_back();
  constexpr int kWord = 3;
  return most_letters >= kWord ? words : "";
}

std::vector<LabelledText> NameHints(std::span<const LabelledText> examples) {
  std::vector<LabelledText> hints;
  for (const std::string& label : IndexLabels(examples).labels) {
    if (std::string words = WordsOfName(label); !words.empty()) hints.push_back({std::move(words), label, true});
  }
  return hints;
}

LabelIndex IndexLabels(std::span<const LabelledText> examples) {
  LabelIndex index;
  for (const LabelledText& example : examples) {
    if (example.label != kOutOfScopeLabel) index.labels.push_back(example.label);
  }
  std::sort(index.labels.begin(), index.labels.end());
  index.labels.erase(std::unique(index.labels.begin(), index.labels.end()), index.labels.end());
  for (const LabelledText& example : examples) {
    const auto at = std::lower_bound(index.labels.begin(), index.labels.end(), example.label);
    const bool in_scope = example.label != kOutOfScopeLabel;
    index.label_of.push_back(in_scope ? static_cast<int>(at - index.labels.begin()) : -1);
  }
  return index;
}

std::vector<int> AssignFolds(std::span<const LabelledText> examples, int num_folds) {
  // label -> text key -> examples. Within a label, groups go round the folds in the order of a hash of their text, so
  // that neighbouring lines, which are often variations of one another, do not fall into folds by a pattern.
  std::map<std::string_view, std::map<std::string, std::vector<size_t>>> groups;
  for (size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].hint) continue;
    const std::string key = FoldKey(examples[i].text);
    groups[examples[i].label][Sha256Hex(key)].push_back(i);
  }
  std::vector<int> folds(examples.size(), -1);
  int next = 0;  // goes on from label to label: labels with few examples would otherwise all begin in fold 0
  for (const auto& [label, texts] : groups) {
    if (texts.size() < 2 && label != kOutOfScopeLabel) continue;
    for (const auto& [hash, members] : texts) {
      for (size_t i : members) folds[i] = next;
      next = (next + 1) % num_folds;
    }
  }
  return folds;
}

}  // namespace bantam
