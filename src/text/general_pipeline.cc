#include "text/general_pipeline.h"

#include <algorithm>

#include "base/text_util.h"
#include "text/byte_alphabet.h"
#include "text/framed_encoding.h"
#include "text/pieces.h"
#include "text/unicode_categories.h"

namespace bantam::text {
namespace {

// Positions are 32 bits.

struct Scratch {
  Pieces pieces;
  NormalizedText normalized;
  std::vector<Stretch> raw_stretches, stretches;
  std::vector<ByteRange> words;
  std::vector<uint32_t> code_points;  // by byte of the text: how many code points begin before it
  uint64_t steps = 0;

  // One long text must not hold its memory for ever.
  void Trim() {
    constexpr size_t kKeep = size_t{64} << 10;
    if (pieces.text.bytes.capacity() <= kKeep && words.capacity() <= kKeep) return;
    const uint64_t counted = steps;
    *this = Scratch();
    steps = counted;
  }
};

Scratch& ThisThread() {
  static thread_local Scratch scratch;
  return scratch;
}

// White space at the ends of a token, in characters, as the reference counts it for offsets.
struct Blanks {
  uint16_t leading = 0;
  uint16_t trailing = 0;
};

Blanks BlanksOf(std::string_view token) {
  const auto is_blank = [](char32_t c) { return c == ByteAlphabet::CodePointOf(' ') || IsSpace(c); };
  Blanks blanks;
  for (size_t at = 0; at < token.size() && blanks.leading < UINT16_MAX; ++blanks.leading) {
    const Decoded c = DecodeUtf8(token.data() + at);
    if (!is_blank(c.code_point)) break;
    at += c.length;
  }
  for (size_t end = token.size(); end > 0 && blanks.trailing < UINT16_MAX; ++blanks.trailing) {
    const Decoded c = DecodeUtf8Before(token.data(), token.data() + end);
    if (!is_blank(c.code_point)) break;
    end -= c.length;
  }
  return blanks;
}

void TrimSpan(Blanks blanks, bool first, bool add_prefix_space, TokenSpan& span) {
  if (blanks.leading > 0) {
    // One space at the beginning of the text was put there: there is nothing in the text to leave out.
    const bool own = (first || span.begin == 0) && add_prefix_space && blanks.leading == 1;
    span.begin = std::min(span.begin + (own ? 0U : blanks.leading), span.end);
  }
  if (blanks.trailing > 0 && span.end >= blanks.trailing) span.end = std::max(span.end - blanks.trailing, span.begin);
}

class GeneralPipeline final : public Tokenizer, private TokenNames {
 public:
  static Result<std::unique_ptr<Tokenizer>> Create(TokenizerFile file) {
    auto made = std::make_unique<GeneralPipeline>();
    BANTAM_TRY(made->model_, MakeModel(file.Part("model"), std::move(file.tables)));
    BANTAM_TRY(made->normalizer_, MakeNormalizer(file.Part("normalizer")));
    BANTAM_TRY(made->pre_tokenizer_, MakePreTokenizerStep(file.Part("pre_tokenizer")));
    BANTAM_TRY(made->added_tokens_, AddedTokens::Create(std::move(file.added_tokens), *made->model_,
                                                        made->normalizer_.get(), file.Part("added_tokens")));
    const TokenNames& names = *made;
    BANTAM_TRY(made->post_processor_, MakePostProcessor(file.Part("post_processor"), names));
    made->single_template_ = made->post_processor_.Single();
    BANTAM_TRY(made->decoder_, MakeDecoder(file.Part("decoder")));
    if (!made->post_processor_.trims.empty()) {
      const Vocabulary& vocabulary = made->model_->vocabulary();
      for (int32_t id = 0; id < vocabulary.end_id(); ++id) made->blanks_.push_back(BlanksOf(vocabulary.TextOf(id)));
    }
    return std::unique_ptr<Tokenizer>(std::move(made));
  }

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override {
    const auto encode = [&](std::string_view clean, const EncodeOptions& how, Encoding& encoding, TokenSink& sink) {
      Scratch& scratch = ThisThread();
      Cut(clean, how, scratch);
      Tokenize(how, encoding, sink, scratch);
      scratch.Trim();
    };
    return EncodeFramed(text, post_processor_.before, post_processor_.after, options, encode);
  }

  std::string Decode(std::span<const int32_t> ids, const DecodeOptions& options) const override {
    return DecodeIds(ids, options, added_tokens_, model_->vocabulary(), decoder_.get());
  }

  std::string JoinTokenTexts(std::vector<std::string> tokens) const override {
    return DecodeTokens(decoder_.get(), std::move(tokens));
  }
  const TokenTemplate& single_template() const override { return single_template_; }
  const TokenTemplate& pair_template() const override { return post_processor_.pair; }
  int32_t vocab_size() const override { return std::max(model_->vocabulary().end_id(), added_tokens_.end_id()); }
  std::string_view TokenText(int32_t id) const override {
    const std::string_view added = added_tokens_.ContentOf(id);
    return added.empty() ? model_->vocabulary().TextOf(id) : added;
  }
  int32_t TokenId(std::string_view token) const override {
    const int32_t added = added_tokens_.IdOf(token);
    return added >= 0 ? added : model_->vocabulary().IdOf(token);
  }
  std::string_view kind() const override { return model_->kind(); }

 private:
  int32_t Id(std::string_view token) const override { return TokenId(token); }

  // From the text to pieces that the model is given, or that are tokens already.
  void Cut(std::string_view text, const EncodeOptions& options, Scratch& scratch) const {
    const bool with_source = options.offsets || (pre_tokenizer_ != nullptr && pre_tokenizer_->needs_source());
    const bool find_special = options.recognize_special_tokens;
    Pieces& pieces = scratch.pieces;
    pieces.with_source = with_source;
    pieces.pieces.clear();
    scratch.raw_stretches.clear();
    const Trust trust(options, text.size());
    if (added_tokens_.Any(false, trust.anything())) {
      added_tokens_.Find(text, false, trust, scratch.raw_stretches, scratch.steps);
    } else {
      scratch.raw_stretches.push_back({0, static_cast<uint32_t>(text.size()), -1});
    }
    // Normalised text no longer says whose it is.
    if (added_tokens_.AnySpecialNormalized()) trust.CutAtBorders(scratch.raw_stretches);
    const bool one = scratch.raw_stretches.size() == 1;
    if (with_source && !one) CountCodePointsBefore(text, scratch.code_points);
    TextWriter writer(pieces.text, with_source, text.size() + text.size() / 2);
    for (const Stretch& stretch : scratch.raw_stretches) {
      const std::string_view bytes = text.substr(stretch.begin, stretch.end - stretch.begin);
      const TextView view{bytes, nullptr, with_source && !one ? scratch.code_points[stretch.begin] : 0};
      const auto begin = static_cast<uint32_t>(writer.size());
      if (stretch.id >= 0 || normalizer_ == nullptr) {
        writer.Copy(bytes, Sources(view, with_source), 0);
        if (stretch.id >= 0) {
          pieces.pieces.push_back({begin, static_cast<uint32_t>(writer.size()), stretch.id});
        } else {
          CutNormalized(bytes, begin, find_special, scratch);
        }
      } else {
        normalizer_->Apply(view, with_source, scratch.normalized, scratch.steps);
        writer.Copy(scratch.normalized, 0, scratch.normalized.size);
        CutNormalized(scratch.normalized.view(), begin, find_special && trust.Covers(stretch.begin, stretch.end),
                      scratch);
      }
    }
    writer.Finish();
    scratch.steps += pieces.text.size;
    if (pre_tokenizer_ != nullptr) pre_tokenizer_->Apply(pieces);
    scratch.steps += pieces.text.size;
  }

  // Appends the pieces of normalised text that begins at `base`.
  void CutNormalized(std::string_view text, uint32_t base, bool find_special, Scratch& scratch) const {
    if (!added_tokens_.Any(true, find_special)) {
      if (!text.empty()) scratch.pieces.pieces.push_back({base, base + static_cast<uint32_t>(text.size()), -1});
      return;
    }
    scratch.stretches.clear();
    added_tokens_.Find(text, true, Trust::Of(find_special, text.size()), scratch.stretches, scratch.steps);
    for (const Stretch& stretch : scratch.stretches) {
      if (stretch.id < 0 && stretch.begin == stretch.end) continue;
      scratch.pieces.pieces.push_back({base + stretch.begin, base + stretch.end, stretch.id});
    }
  }

  static void CountCodePointsBefore(std::string_view text, std::vector<uint32_t>& code_points) {
    code_points.clear();
    code_points.reserve(text.size() + 1);
    uint32_t count = 0;
    for (const char byte : text) {
      code_points.push_back(count);
      count += IsContinuationByte(byte) ? 0 : 1;
    }
    code_points.push_back(count);
  }

  void Tokenize(const EncodeOptions& options, Encoding& encoding, TokenSink& sink, Scratch& scratch) const {
    const Pieces& pieces = scratch.pieces;
    const bool trims = options.offsets && !post_processor_.trims.empty();
    const size_t special = encoding.ids.size();  // in front
    for (size_t i = 0; i < pieces.pieces.size();) {
      const Piece& piece = pieces.pieces[i];
      const size_t first = encoding.ids.size();
      if (piece.id >= 0) {
        AddToken(piece, options.offsets, pieces, sink);
        if (trims && encoding.ids.size() > first) {
          Trim(BlanksOf(pieces.BytesOf(piece)), first == special, encoding.offsets[first]);
        }
        ++i;
        continue;
      }
      scratch.words.clear();
      for (; i < pieces.pieces.size() && pieces.pieces[i].id < 0; ++i) {
        scratch.words.push_back({pieces.pieces[i].begin, pieces.pieces[i].end});
      }
      model_->Tokenize(pieces.text, scratch.words, options.recognize_special_tokens && options.untrusted.empty(), sink,
                       scratch.steps);
      for (size_t k = first; trims && k < encoding.ids.size(); ++k) {
        const Blanks blanks = blanks_[static_cast<size_t>(encoding.ids[k])];
        if (blanks.leading + blanks.trailing > 0) Trim(blanks, k == special, encoding.offsets[k]);
      }
    }
  }

  static void AddToken(const Piece& piece, bool offsets, const Pieces& pieces, TokenSink& sink) {
    sink.BeginWord();
    if (!offsets || piece.begin == piece.end) {
      sink.Add(piece.id, TokenSpan());
    } else {
      sink.Add(piece.id, pieces.text, piece.begin, piece.end);
    }
  }

  void Trim(Blanks blanks, bool first, TokenSpan& span) const {
    for (const bool add_prefix_space : post_processor_.trims) TrimSpan(blanks, first, add_prefix_space, span);
  }

  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizerStep> pre_tokenizer_;
  std::unique_ptr<Model> model_;
  AddedTokens added_tokens_;
  PostProcessor post_processor_;
  TokenTemplate single_template_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<Blanks> blanks_;  // by id; empty where offsets are not trimmed
};

bool IsType(const JsonPart& part, std::initializer_list<std::string_view> types) {
  if (part.IsNull()) return true;
  const Result<std::string> type = part.String("type");
  return type && std::find(types.begin(), types.end(), *type) != types.end();
}

}  // namespace

uint64_t TakeGeneralEncodeSteps() { return std::exchange(ThisThread().steps, 0); }

bool NeedsGeneralPipeline(const TokenizerFile& file) {
  const JsonPart model = file.Part("model");
  const bool word_piece = model.Has("type") ? IsType(model, {"WordPiece"}) : model.Has("max_input_chars_per_word");
  return !(word_piece && IsType(file.Part("normalizer"), {"BertNormalizer"}) &&
           IsType(file.Part("pre_tokenizer"), {"BertPreTokenizer"}) &&
           IsType(file.Part("post_processor"), {"TemplateProcessing", "BertProcessing"}));
}

Result<std::unique_ptr<Tokenizer>> MakeGeneralTokenizer(TokenizerFile file) {
  return GeneralPipeline::Create(std::move(file));
}

std::string DecodeIds(std::span<const int32_t> ids, const DecodeOptions& options, const AddedTokens& added,
                      const Vocabulary& vocabulary, const Decoder* decoder) {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    std::string_view token = added.DecodedOf(id);
    if (token.empty()) token = vocabulary.TextOf(id);
    if (token.empty() || (options.skip_special_tokens && added.IsSpecial(token))) continue;
    tokens.emplace_back(token);
  }
  return DecodeTokens(decoder, std::move(tokens));
}

}  // namespace bantam::text
