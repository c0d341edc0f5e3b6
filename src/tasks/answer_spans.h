// From start and end logits of one window to spans of tokens: the reference's rules, apart from the engine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bantam {

struct AnswerSpan {
  size_t begin = 0;  // first and last token, in the window
  size_t end = 0;
  float score = 0;
};

struct WindowLogits {
  std::vector<float> start, end;  // [num_tokens]
  // [num_tokens]: whether a token may be part of an answer, or stands for none (the first one, [CLS]).
  std::vector<uint8_t> allowed;
};

struct WindowAnswers {
  std::vector<AnswerSpan> spans;  // best first, at most as many as wanted
  float no_answer = 0;            // the score that the first token stands for
};

// Softmax over the allowed tokens, products of both ends, spans of at most max_length tokens. The first token of the
// window is never in an answer.
WindowAnswers BestSpans(const WindowLogits& logits, size_t wanted, size_t max_length);

}  // namespace bantam
