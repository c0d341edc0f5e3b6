#include "tasks/question_answer.h"

#include <algorithm>

#include "base/text_util.h"
#include "tasks/answer_spans.h"
#include "tasks/code_points.h"
#include "tasks/sequence_list.h"
#include "tasks/special_tokens.h"
#include "tasks/text_sequence.h"

namespace bantam {
namespace {

struct Window {
  size_t question = 0;
  TokenRange tokens;     // of the text
  size_t first_row = 0;  // where they begin in the window's sequence
  size_t num_tokens = 0;
  WindowLogits logits = {};
};

std::string Lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Characters of the words (as far as they are in the window) that tokens first to last are parts of, or of the tokens
// themselves.
TokenSpan CharactersOf(const Encoding& text, const TokenRange& window, size_t first, size_t last, bool align_to_words) {
  if (align_to_words) {
    while (first > window.begin && text.words[first - 1] == text.words[first]) --first;
    while (last + 1 < window.end && text.words[last + 1] == text.words[last]) ++last;
  }
  return {text.offsets[first].begin, text.offsets[last].end};
}

// An answer that stands there already, in whatever case, gets surer.
void AddAnswer(std::string_view text, const TokenSpan& span, float score, std::vector<TextAnswer>& answers) {
  const std::string lowered = Lowered(text);
  const auto same = std::ranges::find_if(answers, [&](const TextAnswer& a) { return Lowered(a.text) == lowered; });
  if (same != answers.end()) {
    same->score += score;
  } else {
    answers.push_back({std::string(text), score, span.begin, span.end});
  }
}

}  // namespace

Result<std::unique_ptr<QuestionAnswerer>> QuestionAnswerer::Load(std::string_view reference,
                                                                 const LoadOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model));
}

Result<std::unique_ptr<QuestionAnswerer>> QuestionAnswerer::Create(LoadedModel model) {
  if (model.head == nullptr || model.head->kind() != ClassifierHead::Kind::kSpans) {
    return model.NoSuchHead("question-answering");
  }
  BANTAM_TRY(const TokenTemplate* pieces, PairTemplate(model));
  BANTAM_RETURN_IF_ERROR(RoomForText(model, *pieces));
  BANTAM_TRY(const SpecialTokens special, ReadSpecialTokens(model));
  std::unique_ptr<QuestionAnswerer> answerer(new QuestionAnswerer(std::move(model)));
  answerer->cls_id_ = special.cls;
  return answerer;
}

Result<std::vector<AnsweredQuestion>> QuestionAnswerer::Answer(std::span<const Question> questions,
                                                               const AnswerOptions& options) const {
  BANTAM_TRY(const TokenTemplate* pieces, PairTemplate(model_));
  if (options.top_k == 0 || options.max_answer_tokens == 0) {
    return Err(ErrorCode::kInvalidArgument, "the number of answers and their length must be at least 1");
  }
  const size_t limit = std::min(options.max_tokens, static_cast<size_t>(model_.max_tokens));
  const size_t added = NumAddedTokens(*pieces);
  std::vector<Encoding> contexts;
  std::vector<Window> windows;
  std::vector<size_t> first_window = {0};  // by question
  SequenceList list(options.times);
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto refuse = [&](std::string_view what) {
      return Err(ErrorCode::kInvalidArgument, "{}{}", questions.size() > 1 ? fmt::format("question {}: ", i + 1) : "",
                 what);
    };
    const Encoding question = EncodeBare(model_, questions[i].question);
    if (question.ids.empty()) return refuse("the question is empty");
    EncodeOptions with_words = kBareTokensWithOffsets;
    with_words.words = true;
    contexts.push_back(model_.tokenizer->Encode(questions[i].context, with_words));
    const std::span<const int32_t> ids = contexts.back().ids;
    if (ids.empty()) return refuse("the text to answer from is empty");
    if (question.num_tokens_before_truncation + added >= limit) {
      return refuse(fmt::format("the question has {} tokens, which leaves none of {} for the text: shorten it",
                                question.num_tokens_before_truncation, limit));
    }
    const size_t room = limit - added - question.ids.size();
    const size_t stride = options.stride.value_or(std::min({limit / 2, size_t{128}, room / 2}));
    if (ids.size() > room && stride >= room) {
      return refuse(
          fmt::format("windows with room for {} tokens of the text cannot share {}: give a smaller stride or "
                      "a larger window",
                      room, stride));
    }
    for (const TokenRange range : OverlappingWindows(ids.size(), room, std::min(stride, room - 1))) {
      JoinedTokens joined = JoinTokens(*pieces, question.ids, ids.subspan(range.begin, range.size()));
      Window window{.question = i, .tokens = range, .first_row = joined.second_begin, .num_tokens = joined.ids.size()};
      window.logits.allowed.resize(joined.ids.size());
      for (size_t t = 0; t < joined.ids.size(); ++t) {
        const bool in_text = t >= window.first_row && t < window.first_row + range.size();
        window.logits.allowed[t] = in_text || joined.ids[t] == cls_id_ ? 1 : 0;
      }
      windows.push_back(std::move(window));
      list.Add(std::move(joined.ids), model_.gives_types ? std::move(joined.type_ids) : std::vector<int32_t>());
    }
    first_window.push_back(windows.size());
  }
  BANTAM_RETURN_IF_ERROR(list.EachToken(*model_.engine, options.deadline, [&](size_t i, std::span<const float> hidden) {
    const std::vector<float> both = model_.head->FromRows(hidden);
    WindowLogits& logits = windows[i].logits;
    for (size_t t = 0; t < both.size(); t += 2) {
      logits.start.push_back(both[t]);
      logits.end.push_back(both[t + 1]);
    }
  }));

  for (const Window& window : windows) {
    if (!IsFinite(window.logits.start) || !IsFinite(window.logits.end)) return NotFinite(model_);
  }

  // More than asked for: several may turn out to be the same words.
  const size_t wanted = options.align_to_words ? 2 * options.top_k + 10 : options.top_k;
  std::vector<AnsweredQuestion> answered(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    AnsweredQuestion& out = answered[i];
    const CodePoints characters(questions[i].context);
    const auto own_windows = std::span(windows).subspan(first_window[i], first_window[i + 1] - first_window[i]);
    out.num_windows = own_windows.size();
    float no_answer = 1'000'000;
    for (const Window& window : own_windows) {
      out.num_tokens += window.num_tokens;
      const WindowAnswers best = BestSpans(window.logits, wanted, options.max_answer_tokens);
      no_answer = std::min(no_answer, best.no_answer);
      for (const AnswerSpan& span : best.spans) {
        const bool in_text = span.begin >= window.first_row && span.end < window.first_row + window.tokens.size();
        if (!in_text) continue;
        const auto in_context = [&](size_t t) { return window.tokens.begin + (t - window.first_row); };
        const TokenSpan place = CharactersOf(contexts[i], window.tokens, in_context(span.begin), in_context(span.end),
                                             options.align_to_words);
        AddAnswer(characters.Cut(place), place, span.score, out.answers);
      }
    }
    if (options.may_have_no_answer) out.answers.push_back({"", no_answer, 0, 0});
    std::ranges::stable_sort(out.answers, std::greater<>(), &TextAnswer::score);
    if (out.answers.size() > options.top_k) out.answers.resize(options.top_k);
  }
  return answered;
}

}  // namespace bantam
