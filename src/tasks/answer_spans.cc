#include "tasks/answer_spans.h"

#include <algorithm>
#include <cmath>

namespace bantam {
namespace {

constexpr float kExcluded = -10'000;

std::vector<float> Probabilities(std::span<const float> logits, std::span<const uint8_t> allowed) {
  std::vector<float> out(logits.size());
  float highest = kExcluded;
  for (size_t i = 0; i < logits.size(); ++i) {
    out[i] = allowed[i] != 0 ? logits[i] : kExcluded;
    highest = i == 0 ? out[i] : std::max(highest, out[i]);
  }
  double sum = 0;
  for (float& x : out) {
    x = std::exp(x - highest);
    sum += x;
  }
  for (float& x : out) x = static_cast<float>(x / sum);
  return out;
}

}  // namespace

WindowAnswers BestSpans(const WindowLogits& logits, size_t wanted, size_t max_length) {
  WindowAnswers answers;
  if (logits.start.empty() || wanted == 0) return answers;
  std::vector<float> start = Probabilities(logits.start, logits.allowed),
                     end = Probabilities(logits.end, logits.allowed);
  answers.no_answer = start[0] * end[0];
  std::vector<AnswerSpan>& spans = answers.spans;
  const auto better = [](const AnswerSpan& a, const AnswerSpan& b) { return a.score > b.score; };
  for (size_t i = 1; i < start.size(); ++i) {
    if (logits.allowed[i] == 0) continue;
    const size_t stop = std::min(start.size(), i + max_length);
    for (size_t k = i; k < stop; ++k) {
      if (logits.allowed[k] == 0) continue;
      const AnswerSpan span{i, k, start[i] * end[k]};
      if (spans.size() < wanted) {
        spans.push_back(span);
        std::ranges::push_heap(spans, better);
      } else if (better(span, spans.front())) {
        std::ranges::pop_heap(spans, better);
        spans.back() = span;
        std::ranges::push_heap(spans, better);
      }
    }
  }
  std::ranges::stable_sort(spans, [](const AnswerSpan& a, const AnswerSpan& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  return answers;
}

}  // namespace bantam
