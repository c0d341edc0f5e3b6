// A tokenizer from a SentencePiece model, with the ids and offsets that the package `sentencepiece` gives. From a
// .model file no special token is added, as it adds none unless told to, and none is recognised in text; a GGUF file
// says more (SentencePieceFrame).
#include <algorithm>

#include "base/text_util.h"
#include "text/added_tokens.h"
#include "text/framed_encoding.h"
#include "text/loaders.h"
#include "text/sentencepiece_encoders.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

constexpr std::string_view kSpaceSymbol = "\u2581";

// Normalised text; for each byte where in the input it comes from, and one more for the end.
struct Normalized {
  std::string text;
  std::vector<uint32_t> origins;  // bytes of the input; empty when nobody asked
};

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(SentencePieceModel model, SentencePieceFrame frame)
      : model_(std::move(model)), frame_(std::move(frame)), user_defined_(UserDefinedPieces(model_)), unigram_(model_) {
    has_user_defined_ = std::find(model_.types.begin(), model_.types.end(), SentencePieceModel::Type::kUserDefined) !=
                        model_.types.end();
    for (const int32_t id : frame_.before) single_template_.push_back({.id = id});
    single_template_.push_back({TemplatePiece::Kind::kFirst});
    for (const int32_t id : frame_.after) single_template_.push_back({.id = id});
    if (!frame_.finds_tokens) return;
    for (int32_t id = 0; id < model_.vocabulary.end_id(); ++id) {
      const auto type = model_.types[static_cast<size_t>(id)];
      const bool user_defined = type == SentencePieceModel::Type::kUserDefined;
      const bool special = type == SentencePieceModel::Type::kControl || type == SentencePieceModel::Type::kUnknown;
      if (user_defined) found_.Add(model_.vocabulary.TextOf(id), id);
      if (user_defined || special) found_with_special_.Add(model_.vocabulary.TextOf(id), id);
    }
  }

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override {
    const auto encode = [&](std::string_view clean, const EncodeOptions& how, Encoding&, TokenSink& sink) {
      EncodeText(clean, how, sink);
    };
    return EncodeFramed(text, frame_.before, frame_.after, options, encode);
  }

  std::string Decode(std::span<const int32_t> ids, const DecodeOptions& options) const override {
    std::string out, bytes;
    bool at_begin = true, dropped_space = false;
    const auto flush = [&] { out += ReplaceInvalidByBytes(std::exchange(bytes, {})); };
    for (const int32_t id : ids) {
      if (id < 0 || id >= model_.vocabulary.end_id()) continue;
      const auto type = model_.types[static_cast<size_t>(id)];
      const std::string_view piece = model_.vocabulary.TextOf(id);
      if (type == SentencePieceModel::Type::kByte) {
        const auto found = std::find(model_.bytes.begin(), model_.bytes.end(), id);
        if (found != model_.bytes.end()) bytes += static_cast<char>(found - model_.bytes.begin());
        continue;
      }
      flush();
      if (dropped_space || !out.empty()) at_begin = false;
      dropped_space = false;
      if (type == SentencePieceModel::Type::kControl) {
        if (frame_.finds_tokens && !options.skip_special_tokens) out += piece;
        continue;
      }
      if (type == SentencePieceModel::Type::kUnknown) {
        out += model_.unknown_surface;
        continue;
      }
      std::string_view rest = piece;
      if (at_begin && (model_.add_dummy_prefix || model_.remove_extra_whitespaces) && rest.starts_with(kSpaceSymbol)) {
        rest.remove_prefix(kSpaceSymbol.size());
        dropped_space = !model_.remove_extra_whitespaces;
      }
      for (size_t at; (at = rest.find(kSpaceSymbol)) != std::string_view::npos;) {
        out += rest.substr(0, at);
        out += ' ';
        rest.remove_prefix(at + kSpaceSymbol.size());
      }
      out += rest;
    }
    flush();
    return out;
  }

  std::string JoinTokenTexts(std::vector<std::string> tokens) const override {
    std::string joined, out;
    for (const std::string& token : tokens) joined += token;
    size_t from = 0;
    for (size_t at; (at = joined.find(kSpaceSymbol, from)) != std::string::npos; from = at + kSpaceSymbol.size()) {
      out.append(joined, from, at - from);
      out += ' ';
    }
    out.append(joined, from);
    return out.starts_with(' ') ? out.substr(1) : out;
  }
  const TokenTemplate& single_template() const override { return single_template_; }
  const TokenTemplate& pair_template() const override { return frame_.pair; }
  int32_t vocab_size() const override { return model_.vocabulary.end_id(); }
  std::string_view TokenText(int32_t id) const override { return model_.vocabulary.TextOf(id); }
  int32_t TokenId(std::string_view token) const override { return model_.vocabulary.IdOf(token); }
  std::string_view kind() const override {
    return model_.algorithm == SentencePieceModel::Algorithm::kUnigram ? "SentencePiece Unigram" : "SentencePiece BPE";
  }

 private:
  // The longest token at the leftmost place, then the text after it.
  void EncodeText(std::string_view text, const EncodeOptions& options, TokenSink& sink) const {
    std::vector<uint32_t> code_points;
    if (options.offsets) CountCodePointsBefore(text, code_points);
    const PatternTrie& found = options.recognize_special_tokens ? found_with_special_ : found_;
    // Without special tokens every match is an ordinary one.
    const Trust trust = options.recognize_special_tokens ? Trust(options, text.size()) : Trust::Of(true, text.size());
    uint64_t steps = 0;
    size_t done = 0;
    for (size_t at = 0; !found.empty() && (at = found.NextStart(text, at)) < text.size();) {
      PatternTrie::Match match = found.LongestAt(text, at, steps);
      if (match.length > 0 && !trust.Covers(at, at + match.length)) {  // special ones within the trusted part only
        const PatternTrie::Match ordinary = found_.empty() ? PatternTrie::Match() : found_.LongestAt(text, at, steps);
        match = found.LongestAt(text.substr(0, std::max(trust.EndFrom(at), at)), at, steps);
        if (ordinary.length > match.length) match = ordinary;
      }
      if (match.length == 0) {
        ++at;
        continue;
      }
      EncodeStretch(text.substr(done, at - done), done, options.offsets, code_points, sink, steps);
      done = at + match.length;
      sink.BeginWord();
      sink.Add(match.value, options.offsets ? TokenSpan{code_points[at], code_points[done]} : TokenSpan());
      at = done;
    }
    EncodeStretch(text.substr(done), done, options.offsets, code_points, sink, steps);
  }

  // `text` begins at byte `base` of the whole text, to which `code_points` belongs.
  void EncodeStretch(std::string_view text, size_t base, bool offsets, const std::vector<uint32_t>& code_points,
                     TokenSink& sink, uint64_t& steps) const {
    if (text.empty()) return;
    Normalized normalized = Normalize(text, offsets);
    for (uint32_t& origin : normalized.origins) origin += static_cast<uint32_t>(base);
    std::vector<CutPiece> pieces;
    if (model_.algorithm == SentencePieceModel::Algorithm::kUnigram) {
      unigram_.Cut(model_, normalized.text, pieces, steps);
    } else {
      bpe_.Cut(model_, user_defined_, normalized.text, pieces, steps);
    }
    Put(pieces, normalized, code_points, sink);
  }

  struct Prefix {
    std::string_view text;  // what takes the place of ...
    size_t length = 0;      // ... so many bytes
  };
  Prefix NormalizePrefix(std::string_view text) const {
    if (has_user_defined_) {
      size_t length = 0;
      user_defined_.EachPrefix(text, [&length](size_t piece_length, int32_t) { length = piece_length; });
      if (length > 0) return {text.substr(0, length), length};
    }
    if (model_.charsmap) {
      const Charsmap::Match match = model_.charsmap->LongestPrefix(text);
      // A rule may end inside a character only in a broken file; the rest of it would be no text.
      if (match.length > 0 && (match.length == text.size() || !IsContinuationByte(text[match.length]))) {
        return {match.replacement, match.length};
      }
    }
    const size_t length = DecodeUtf8(text.data()).length;
    return {text.substr(0, length), length};
  }

  Normalized Normalize(std::string_view text, bool with_origins) const {
    Normalized out;
    size_t consumed = 0;
    if (model_.remove_extra_whitespaces) {
      while (consumed < text.size()) {
        const Prefix prefix = NormalizePrefix(text.substr(consumed));
        if (prefix.text != " ") break;
        consumed += prefix.length;
      }
    }
    if (consumed == text.size()) {
      if (with_origins) out.origins.push_back(0);
      return out;
    }
    const std::string_view space = model_.escape_whitespaces ? kSpaceSymbol : std::string_view(" ");
    const auto put = [&](std::string_view bytes) {
      if (out.text.size() + bytes.size() > UINT32_MAX) return;  // positions have 32 bits
      out.text += bytes;
      if (with_origins) out.origins.insert(out.origins.end(), bytes.size(), static_cast<uint32_t>(consumed));
    };
    if (!model_.treat_whitespace_as_suffix && model_.add_dummy_prefix) put(space);
    bool after_space = model_.remove_extra_whitespaces;
    while (consumed < text.size()) {
      const Prefix prefix = NormalizePrefix(text.substr(consumed));
      std::string_view part = prefix.text;
      while (after_space && part.starts_with(' ')) part.remove_prefix(1);
      if (!part.empty()) {
        after_space = part.ends_with(' ');
        for (size_t begin = 0; begin < part.size();) {
          const size_t end = part[begin] == ' ' ? begin + 1 : std::min(part.find(' ', begin), part.size());
          put(part[begin] == ' ' ? space : part.substr(begin, end - begin));
          begin = end;
        }
      }
      consumed += prefix.length;
      if (!model_.remove_extra_whitespaces) after_space = false;
    }
    if (model_.remove_extra_whitespaces) {
      while (out.text.ends_with(space)) {
        out.text.resize(out.text.size() - space.size());
        if (!with_origins) continue;
        consumed = out.origins[out.text.size()];
        out.origins.resize(out.text.size());
      }
    }
    if (model_.treat_whitespace_as_suffix && model_.add_dummy_prefix) put(space);
    if (with_origins) out.origins.push_back(static_cast<uint32_t>(consumed));
    return out;
  }

  static void CountCodePointsBefore(std::string_view text, std::vector<uint32_t>& code_points) {
    code_points.reserve(text.size() + 1);
    uint32_t count = 0;
    for (const char byte : text) {
      code_points.push_back(count);
      count += IsContinuationByte(byte) ? 0 : 1;
    }
    code_points.push_back(count);
  }

  void Put(const std::vector<CutPiece>& pieces, const Normalized& normalized, const std::vector<uint32_t>& code_points,
           TokenSink& sink) const {
    const auto origin = [&](uint32_t at) {
      return normalized.origins.empty() ? 0 : code_points[normalized.origins[at]];
    };
    for (size_t i = 0; i < pieces.size(); ++i) {
      TokenSpan span{origin(pieces[i].begin), origin(pieces[i].end)};
      if (std::string_view(normalized.text).substr(pieces[i].begin).starts_with(kSpaceSymbol)) sink.BeginWord();
      if (pieces[i].id != model_.unknown) {
        sink.Add(pieces[i].id, span);
      } else if (model_.byte_fallback) {
        // The last byte stands for the character.
        for (uint32_t at = pieces[i].begin; at < pieces[i].end; ++at) {
          const auto byte = static_cast<unsigned char>(normalized.text[at]);
          const bool last = at + 1 == pieces[i].end;
          sink.Add(model_.bytes[byte], last ? span : TokenSpan{span.begin, span.begin});
        }
      } else {
        while (i + 1 < pieces.size() && pieces[i + 1].id == model_.unknown) span.end = origin(pieces[++i].end);
        sink.Add(model_.unknown, span);
      }
    }
  }

  // Each byte that is part of no character becomes U+FFFD, as the reference does it.
  static std::string ReplaceInvalidByBytes(std::string bytes) {
    std::string out;
    std::string_view rest = bytes;
    while (const std::optional<size_t> bad = FirstInvalidUtf8(rest)) {
      out += rest.substr(0, *bad);
      out += "\uFFFD";
      rest.remove_prefix(*bad + 1);
    }
    out += rest;
    return out;
  }

  TokenTemplate single_template_;
  SentencePieceModel model_;
  SentencePieceFrame frame_;
  PatternTrie found_, found_with_special_;  // values: ids
  TokenTrie user_defined_;
  bool has_user_defined_ = false;
  SentencePieceUnigram unigram_;
  SentencePieceBpe bpe_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadSentencePiece(std::string_view bytes, std::string_view name) {
  BANTAM_TRY(SentencePieceModel model, ReadSentencePieceModel(bytes, name));
  return MakeSentencePieceTokenizer(std::move(model), {});
}

std::unique_ptr<Tokenizer> MakeSentencePieceTokenizer(SentencePieceModel model, SentencePieceFrame frame) {
  return std::make_unique<SentencePieceTokenizer>(std::move(model), std::move(frame));
}

}  // namespace bantam::text
