#include "text/tokenizer.h"

#include <algorithm>
#include <cstring>

#include "base/text_util.h"
#include "text/added_tokens.h"
#include "text/encode_steps.h"
#include "text/framed_encoding.h"
#include "text/general_pipeline.h"
#include "text/loaders.h"
#include "text/parts.h"
#include "text/tokenizer_file.h"
#include "text/unicode.h"

namespace bantam {
namespace text {
namespace {

// Positions are 32 bits, and a text may grow threefold when normalised.

// Working memory of Encode, kept between calls of a thread so that a short text costs no allocation but its result.
struct Scratch {
  NormalizedText normalized;
  std::vector<Stretch> raw_stretches;
  std::vector<Stretch> stretches;
  std::vector<ByteRange> words;
  std::vector<uint32_t> code_points;  // by byte of the text: how many code points begin before it
  uint64_t steps = 0;

  // One long text must not hold its memory for ever.
  void Trim() {
    constexpr size_t kKeep = size_t{64} << 10;
    if (normalized.bytes.capacity() <= kKeep && words.capacity() <= kKeep) return;
    const uint64_t counted = steps;
    *this = Scratch();
    steps = counted;
  }
};

Scratch& ThisThread() {
  static thread_local Scratch scratch;
  return scratch;
}

// For a tokenizer without a normalizer.
void Copy(const TextView& in, bool with_source, NormalizedText& out) {
  const size_t length = in.bytes.size();
  char* bytes = out.bytes.Reserve(length + NormalizedText::kPadding, 0);
  std::memcpy(bytes, in.bytes.data(), length);
  std::memset(bytes + length, 0, NormalizedText::kPadding);
  out.size = length;
  out.first = in.first;
  out.has_source = with_source;
  if (!with_source) return;
  uint32_t* source = out.source.Reserve(length, 0);
  uint32_t next = in.first;
  for (size_t i = 0; i < length; ++i) source[i] = IsContinuationByte(in.bytes[i]) ? next - 1 : next++;
}

class Pipeline final : public Tokenizer, private TokenNames {
 public:
  static Result<std::unique_ptr<Tokenizer>> Create(TokenizerFile file) {
    auto made = std::make_unique<Pipeline>();
    BANTAM_TRY(made->model_, MakeModel(file.Part("model"), std::move(file.tables)));
    BANTAM_TRY(made->normalizer_, MakeNormalizer(file.Part("normalizer")));
    BANTAM_TRY(made->pre_tokenizer_, MakePreTokenizer(file.Part("pre_tokenizer")));
    BANTAM_TRY(made->added_tokens_, AddedTokens::Create(std::move(file.added_tokens), *made->model_,
                                                        made->normalizer_.get(), file.Part("added_tokens")));
    const TokenNames& names = *made;
    BANTAM_TRY(made->post_processor_, MakePostProcessor(file.Part("post_processor"), names));
    made->single_template_ = made->post_processor_.Single();
    BANTAM_TRY(made->decoder_, MakeDecoder(file.Part("decoder")));
    return std::unique_ptr<Tokenizer>(std::move(made));
  }

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override {
    const auto encode = [&](std::string_view clean, const EncodeOptions& how, Encoding&, TokenSink& sink) {
      Scratch& scratch = ThisThread();
      EncodeText(clean, how, sink, scratch);
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

  void EncodeText(std::string_view text, const EncodeOptions& options, TokenSink& sink, Scratch& scratch) const {
    const Trust trust(options, text.size());
    const bool cuts = added_tokens_.AnySpecialNormalized() && !options.untrusted.empty();
    if (!added_tokens_.Any(false, trust.anything()) && !cuts) {
      EncodeStretch({text}, options, trust.Covers(0, text.size()), sink, scratch);
      return;
    }
    scratch.raw_stretches.clear();
    added_tokens_.Find(text, false, trust, scratch.raw_stretches, scratch.steps);
    // Normalised text no longer says whose it is.
    if (cuts) trust.CutAtBorders(scratch.raw_stretches);
    std::vector<uint32_t>& code_points = scratch.code_points;
    code_points.clear();
    if (options.offsets) {
      code_points.reserve(text.size() + 1);
      uint32_t count = 0;
      for (const char byte : text) {
        code_points.push_back(count);
        count += IsContinuationByte(byte) ? 0 : 1;
      }
      code_points.push_back(count);
      // A byte inside a character has counted the character; only characters' first bytes are asked for.
    }
    for (const Stretch& stretch : scratch.raw_stretches) {
      const uint32_t first = options.offsets ? code_points[stretch.begin] : 0;
      if (stretch.id >= 0) {
        sink.BeginWord();
        sink.Add(stretch.id, {first, options.offsets ? code_points[stretch.end] : 0});
      } else {
        EncodeStretch({text.substr(stretch.begin, stretch.end - stretch.begin), nullptr, first}, options,
                      trust.Covers(stretch.begin, stretch.end), sink, scratch);
      }
    }
  }

  // A part of the text without added tokens of the first kind.
  void EncodeStretch(const TextView& in, const EncodeOptions& options, bool trusted, TokenSink& sink,
                     Scratch& scratch) const {
    NormalizedText& text = scratch.normalized;
    if (normalizer_ != nullptr) {
      normalizer_->Apply(in, options.offsets, text, scratch.steps);
    } else {
      Copy(in, options.offsets, text);
    }
    scratch.steps += text.size;
    const bool find_special = options.recognize_special_tokens && trusted;
    if (!added_tokens_.Any(true, find_special)) {
      EncodeWords({0, static_cast<uint32_t>(text.size)}, find_special, sink, scratch);
      return;
    }
    scratch.stretches.clear();
    added_tokens_.Find(text.view(), true, Trust::Of(find_special, text.size), scratch.stretches, scratch.steps);
    for (const Stretch& stretch : scratch.stretches) {
      if (stretch.id >= 0) {
        sink.BeginWord();
        sink.Add(stretch.id, text, stretch.begin, stretch.end);
      } else {
        EncodeWords({stretch.begin, stretch.end}, find_special, sink, scratch);
      }
    }
  }

  void EncodeWords(ByteRange range, bool find_special, TokenSink& sink, Scratch& scratch) const {
    if (range.begin == range.end) return;
    scratch.words.clear();
    if (pre_tokenizer_ != nullptr) {
      pre_tokenizer_->Split(scratch.normalized.view(), range, scratch.words);
    } else {
      scratch.words.push_back(range);
    }
    model_->Tokenize(scratch.normalized, scratch.words, find_special, sink, scratch.steps);
  }

  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  std::unique_ptr<Model> model_;
  AddedTokens added_tokens_;
  PostProcessor post_processor_;
  TokenTemplate single_template_;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace

uint64_t TakeEncodeSteps() { return std::exchange(ThisThread().steps, 0) + TakeGeneralEncodeSteps(); }

Result<std::unique_ptr<Tokenizer>> MakeTokenizer(TokenizerFile file) {
  if (NeedsGeneralPipeline(file)) return MakeGeneralTokenizer(std::move(file));
  return Pipeline::Create(std::move(file));
}

}  // namespace text

Result<std::unique_ptr<Tokenizer>> Tokenizer::FromJson(std::string_view text, std::string_view name) {
  BANTAM_TRY(text::TokenizerFile file, text::ReadTokenizerFile(text, name));
  return text::MakeTokenizer(std::move(file));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Load(const Path& path) { return text::LoadTokenizer(path); }

}  // namespace bantam
