#include "tasks/tag_spans.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {
namespace {

size_t Best(std::span<const float> scores) {
  return static_cast<size_t>(std::ranges::max_element(scores) - scores.begin());
}

bool AnyBegins(std::span<const std::string> labels, std::string_view one, std::string_view other) {
  return std::ranges::any_of(
      labels, [&](const std::string& label) { return label.starts_with(one) || label.starts_with(other); });
}

// "B-PER" -> "PER", whatever the prefix is; labels without one stay whole.
std::string_view WithoutPrefix(std::string_view label) {
  const size_t dash = label.find('-');
  return dash == std::string_view::npos ? label : label.substr(dash + 1);
}

}  // namespace

bool HasClosingLabels(std::span<const std::string> labels) {
  return AnyBegins(labels, "B-", "B-") && AnyBegins(labels, "E-", "L-") && AnyBegins(labels, "S-", "U-");
}

LabelParts SplitLabel(std::string_view label, bool closing) {
  const std::string_view prefixes = closing ? "BIESLU" : "BI";
  if (label.size() < 2 || label[1] != '-' || prefixes.find(label[0]) == std::string_view::npos) return {'I', label};
  return {label[0], label.substr(2)};
}

TaggedSpan SpanMaker::FromToken(ScoredToken token) const {
  const size_t best = Best(token.scores);
  return {.label = labels_[best],
          .score = token.scores[best],
          .word = std::move(token.word),
          .begin = token.span.begin,
          .end = token.span.end,
          .index = token.index};
}

TaggedSpan SpanMaker::FromWord(std::span<ScoredToken> word, Aggregation aggregation) const {
  std::vector<float> scores = word[0].scores;
  if (aggregation == Aggregation::kMax) {
    for (const ScoredToken& token : word.subspan(1)) {
      if (std::ranges::max(token.scores) > std::ranges::max(scores)) scores = token.scores;
    }
  } else if (aggregation == Aggregation::kAverage) {
    for (size_t k = 0; k < scores.size(); ++k) {
      double sum = 0;
      for (const ScoredToken& token : word) sum += token.scores[k];
      scores[k] = static_cast<float>(sum / static_cast<double>(word.size()));
    }
  }
  std::vector<std::string> words;
  for (ScoredToken& token : word) words.push_back(std::move(token.word));
  const size_t best = Best(scores);
  return {.label = labels_[best],
          .score = scores[best],
          .word = tokenizer_.JoinTokenTexts(std::move(words)),
          .begin = word.front().span.begin,
          .end = word.back().span.end};
}

TaggedSpan SpanMaker::FromGroup(std::span<TaggedSpan> group) const {
  std::vector<std::string> words;
  double sum = 0;
  for (TaggedSpan& span : group) {
    sum += span.score;
    words.push_back(std::move(span.word));
  }
  return {.label = std::string(WithoutPrefix(group.front().label)),
          .score = static_cast<float>(sum / static_cast<double>(group.size())),
          .word = tokenizer_.JoinTokenTexts(std::move(words)),
          .begin = group.front().begin,
          .end = group.back().end};
}

bool SpanMaker::Continues(const TaggedSpan& last, const TaggedSpan& next) const {
  const LabelParts before = SplitLabel(last.label, closing_), after = SplitLabel(next.label, closing_);
  if (before.tag != after.tag || after.prefix == 'B') return false;
  if (!closing_) return true;
  const auto ends = [](char prefix) { return prefix == 'E' || prefix == 'L'; };
  const auto alone = [](char prefix) { return prefix == 'S' || prefix == 'U'; };
  return !ends(before.prefix) && !alone(before.prefix) && !alone(after.prefix);
}

std::vector<TaggedSpan> SpanMaker::Make(std::vector<ScoredToken> tokens, Aggregation aggregation) const {
  std::vector<TaggedSpan> parts;
  const bool by_token = aggregation == Aggregation::kNone || aggregation == Aggregation::kSimple;
  for (size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
    end = begin + 1;
    if (by_token) {
      parts.push_back(FromToken(std::move(tokens[begin])));
      continue;
    }
    while (end < tokens.size() && tokens[end].continues) ++end;
    parts.push_back(FromWord(std::span(tokens).subspan(begin, end - begin), aggregation));
  }
  if (aggregation == Aggregation::kNone) return parts;
  std::vector<TaggedSpan> spans;
  for (size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    end = begin + 1;
    while (end < parts.size() && Continues(parts[end - 1], parts[end])) ++end;
    spans.push_back(FromGroup(std::span(parts).subspan(begin, end - begin)));
  }
  return spans;
}

std::vector<TaggedSpan> MergeOverlapping(std::vector<TaggedSpan> spans) {
  std::ranges::stable_sort(spans, std::less<>(), &TaggedSpan::begin);
  std::vector<TaggedSpan> merged;
  for (TaggedSpan& span : spans) {
    if (merged.empty() || span.begin >= merged.back().end) {
      merged.push_back(std::move(span));
      continue;
    }
    TaggedSpan& last = merged.back();
    const uint32_t length = span.end - span.begin, last_length = last.end - last.begin;
    if (length > last_length || (length == last_length && span.score > last.score)) last = std::move(span);
  }
  return merged;
}

}  // namespace bantam
