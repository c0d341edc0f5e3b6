#include "tasks/tag.h"

#include <algorithm>
#include <cmath>

#include "base/text_util.h"
#include "tasks/classify.h"
#include "tasks/code_points.h"
#include "tasks/sequence_list.h"
#include "tasks/special_tokens.h"
#include "tasks/tag_spans.h"
#include "tasks/text_sequence.h"

namespace bantam {
namespace {

constexpr std::pair<std::string_view, Aggregation> kAggregations[] = {
    {"none", Aggregation::kNone},       {"simple", Aggregation::kSimple}, {"first", Aggregation::kFirst},
    {"average", Aggregation::kAverage}, {"max", Aggregation::kMax},
};

// A stretch of one text, as the model reads it.
struct Window {
  size_t text = 0;
  TokenRange tokens;               // of the text
  size_t first_row = 0;            // where they begin in the window's sequence
  std::vector<float> scores = {};  // [tokens, num_labels]
};

// Where spans of windows that share tokens are single tokens: the first half of what they share is the earlier
// window's, which sees more after it, the second half the later one's.
std::vector<TokenRange> OwnParts(std::span<const Window> windows) {
  std::vector<TokenRange> own;
  for (size_t i = 0; i < windows.size(); ++i) {
    const auto middle = [&](size_t k) { return (windows[k].tokens.begin + windows[k - 1].tokens.end) / 2; };
    own.push_back({i == 0 ? windows[i].tokens.begin : middle(i),
                   i + 1 == windows.size() ? windows[i].tokens.end : middle(i + 1)});
  }
  return own;
}

// The tokens `range` of a text with their scores from the window that they were read in.
std::vector<ScoredToken> TokensOf(const Tokenizer& tokenizer, int32_t unknown_id, const Encoding& encoding,
                                  const CodePoints& characters, const Window& window, const TokenRange& range) {
  const bool has_subwords = tokenizer.kind() == "WordPiece";
  const size_t columns = window.tokens.size() == 0 ? 0 : window.scores.size() / window.tokens.size();
  std::vector<ScoredToken> tokens;
  for (size_t t = range.begin; t < range.end; ++t) {
    const TokenSpan span = encoding.offsets[t];
    const size_t row = t - window.tokens.begin;
    const auto scores = std::span(window.scores).subspan(row * columns, columns);
    ScoredToken token{.scores = {scores.begin(), scores.end()},
                      .word = std::string(tokenizer.TokenText(encoding.ids[t])),
                      .span = span,
                      .index = window.first_row + row};
    if (encoding.ids[t] == unknown_id) {
      token.word = characters.Cut(span);
    } else if (has_subwords) {
      token.continues = CodePoints::Count(token.word) != span.end - span.begin;
    } else {
      // No token says that it goes on with a word: it does where no space is before it.
      token.continues =
          span.begin > 0 && characters.Cut({span.begin - 1, span.begin + 1}).find(' ') == std::string_view::npos;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

std::string_view AggregationName(Aggregation aggregation) {
  for (const auto& [name, value] : kAggregations) {
    if (value == aggregation) return name;
  }
  return "";
}

Result<Aggregation> ParseAggregation(std::string_view name) {
  for (const auto& [known, value] : kAggregations) {
    if (known == name) return value;
  }
  return Err(ErrorCode::kInvalidArgument, "aggregation \"{}\"; known: none, simple, first, average, max",
             EscapeForTerminal(name, 80));
}

Result<std::unique_ptr<Tagger>> Tagger::Load(std::string_view reference, const LoadOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model));
}

Result<std::unique_ptr<Tagger>> Tagger::Create(LoadedModel model) {
  if (model.head == nullptr || model.head->kind() != ClassifierHead::Kind::kTokens) {
    return model.NoSuchHead("token-classification");
  }
  BANTAM_RETURN_IF_ERROR(RoomForText(model, model.tokenizer->single_template()));
  BANTAM_TRY(const SpecialTokens special, ReadSpecialTokens(model));
  std::unique_ptr<Tagger> tagger(new Tagger(std::move(model)));
  tagger->unknown_id_ = special.unknown;
  return tagger;
}

Tagger::Tagger(LoadedModel model) : model_(std::move(model)) {}

Result<std::vector<TaggedText>> Tagger::Tag(std::span<const std::string_view> texts, const TagOptions& options) const {
  const TokenTemplate& pieces = model_.tokenizer->single_template();
  BANTAM_TRY(const size_t room, RoomForText(model_, pieces));
  const size_t stride = options.stride.value_or(std::min<size_t>(128, room / 4));
  if (stride >= room) {
    return Err(ErrorCode::kInvalidArgument, "windows of {} tokens cannot share {}: give a smaller stride", room,
               stride);
  }
  std::vector<Encoding> encodings;
  std::vector<Window> windows;
  std::vector<size_t> first_window = {0};  // by text
  SequenceList list(options.times);
  for (size_t i = 0; i < texts.size(); ++i) {
    encodings.push_back(model_.tokenizer->Encode(texts[i], kBareTokensWithOffsets));
    const std::span<const int32_t> ids = encodings.back().ids;
    for (const TokenRange range : OverlappingWindows(ids.size(), room, stride)) {
      JoinedTokens joined = JoinTokens(pieces, ids.subspan(range.begin, range.size()));
      windows.push_back({.text = i, .tokens = range, .first_row = joined.first_begin});
      list.Add(std::move(joined.ids));
    }
    first_window.push_back(windows.size());
  }
  const auto width = static_cast<size_t>(model_.encoder().hidden_size()), columns = labels().size();
  BANTAM_RETURN_IF_ERROR(list.EachToken(*model_.engine, options.deadline, [&](size_t i, std::span<const float> hidden) {
    Window& window = windows[i];
    if (window.tokens.size() == 0) return;
    window.scores = model_.head->FromRows(hidden.subspan(window.first_row * width, window.tokens.size() * width));
    for (size_t row = 0; row < window.tokens.size(); ++row) {
      ApplyScoreFunction(ScoreFunction::kSoftmax, std::span(window.scores).subspan(row * columns, columns));
    }
  }));

  for (const Window& window : windows) {
    if (!IsFinite(window.scores)) return NotFinite(model_);
  }
  const SpanMaker maker(labels(), *model_.tokenizer);
  const auto ignored = [&](const TaggedSpan& span) {
    return std::ranges::find(options.ignored_labels, span.label) != options.ignored_labels.end();
  };
  std::vector<TaggedText> tagged(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const CodePoints characters(texts[i]);
    TaggedText& out = tagged[i];
    const auto own_windows = std::span(windows).subspan(first_window[i], first_window[i + 1] - first_window[i]);
    out.num_windows = own_windows.size();
    const std::vector<TokenRange> own = OwnParts(own_windows);
    for (size_t w = 0; w < own_windows.size(); ++w) {
      const Window& window = own_windows[w];
      const TokenRange taken = options.aggregation == Aggregation::kNone ? own[w] : window.tokens;
      out.num_tokens += window.tokens.size() + NumAddedTokens(pieces);
      std::vector<ScoredToken> tokens =
          TokensOf(*model_.tokenizer, unknown_id_, encodings[i], characters, window, taken);
      for (TaggedSpan& span : maker.Make(std::move(tokens), options.aggregation)) {
        if (!ignored(span)) out.spans.push_back(std::move(span));
      }
    }
    if (own_windows.size() > 1 && options.aggregation != Aggregation::kNone) {
      out.spans = MergeOverlapping(std::move(out.spans));
    }
  }
  return tagged;
}

}  // namespace bantam
