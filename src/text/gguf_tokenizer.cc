#include "text/gguf_tokenizer.h"

#include <algorithm>

#include "base/text_util.h"
#include "files/gguf.h"
#include "text/general_pipeline.h"
#include "text/loaders.h"
#include "text/sentencepiece_file.h"

namespace bantam::text {
namespace {

using Type = GgufVocab::TokenType;

constexpr std::string_view kWordStart = "\u2581";

Error Wrong(const GgufVocab& vocab, std::string_view key, std::string_view what, ErrorCode code = ErrorCode::kCorrupt) {
  return Err(code, "{}.{}' {}", vocab.place, key, what);
}

// A file may have tokens without text; they are told apart by number.
std::string TextOf(const GgufVocab& vocab, size_t id) {
  return vocab.tokens[id].empty() ? fmt::format("[EMPTY_{}]", id) : std::string(vocab.tokens[id]);
}

void ReserveFor(const GgufVocab& vocab, Vocabulary& out) {
  size_t bytes = 0;
  for (const std::string_view token : vocab.tokens) bytes += token.size();
  out.Reserve(vocab.tokens.size(), bytes);
}

bool IsBracketed(std::string_view token) {
  return token.size() > 2 &&
         ((token.front() == '[' && token.back() == ']') || (token.front() == '<' && token.back() == '>'));
}

int32_t FindToken(const GgufVocab& vocab, std::string_view text) {
  const auto found = std::find(vocab.tokens.begin(), vocab.tokens.end(), text);
  return found == vocab.tokens.end() ? -1 : static_cast<int32_t>(found - vocab.tokens.begin());
}

// Tokens that no text becomes unless asked to. Old files give the type normal to all; then the ids that the file names
// are, where they look like it: some files say 0 for "none", which is a letter.
bool IsSpecial(const GgufVocab& vocab, size_t id) {
  if (vocab.types[id] == Type::kControl || vocab.types[id] == Type::kUnknown) return true;
  if (vocab.types[id] != Type::kNormal || !IsBracketed(vocab.tokens[id])) return false;
  for (const int32_t named :
       {vocab.bos, vocab.eos, vocab.eot, vocab.unknown, vocab.separator, vocab.padding, vocab.cls, vocab.mask}) {
    if (named == static_cast<int32_t>(id)) return true;
  }
  return false;
}

std::vector<AddedToken> AddedTokensOf(const GgufVocab& vocab) {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const bool special = IsSpecial(vocab, id);
    if (!special && vocab.types[id] != Type::kUserDefined) continue;
    AddedToken token;
    token.id = static_cast<int32_t>(id);
    token.content = TextOf(vocab, id);
    token.special = special;
    added.push_back(std::move(token));
  }
  return added;
}

Status CheckUtf8(const GgufVocab& vocab) {
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    if (FirstInvalidUtf8(vocab.tokens[id])) {
      return Wrong(vocab, "tokens", fmt::format("element {} is not well-formed UTF-8", id));
    }
  }
  return Ok();
}

Status AddToken(const GgufVocab& vocab, size_t id, std::string_view text, Vocabulary& out) {
  Status added = out.Add(text, static_cast<int64_t>(id));
  if (added) return added;
  return Wrong(vocab, "tokens", fmt::format("element {}: {}", id, added.error().message), added.error().code);
}

// An id that is wanted but that the file does not name.
Error NoToken(const GgufVocab& vocab, std::string_view key, std::string_view why) {
  return Wrong(vocab, key, fmt::format("is missing, which {}", why));
}

// The special tokens around a text.
struct Around {
  std::vector<int32_t> before, after;
};
Result<Around> AroundOf(const GgufVocab& vocab, bool add_bos, bool add_eos) {
  Around around;
  if (vocab.add_bos.value_or(add_bos)) {
    if (vocab.bos < 0) return NoToken(vocab, "bos_token_id", "'add_bos_token' needs");
    around.before.push_back(vocab.bos);
  }
  if (vocab.add_eos.value_or(add_eos)) {
    if (vocab.eos < 0) return NoToken(vocab, "eos_token_id", "'add_eos_token' needs");
    around.after.push_back(vocab.eos);
  }
  return around;
}

using Kind = TemplatePiece::Kind;

void Put(const std::vector<int32_t>& ids, int32_t type, TokenTemplate& pieces) {
  for (const int32_t id : ids) pieces.push_back({Kind::kToken, id, type});
}

TokenTemplate SingleOf(const Around& around) {
  TokenTemplate pieces;
  Put(around.before, 0, pieces);
  pieces.push_back({Kind::kFirst});
  Put(around.after, 0, pieces);
  return pieces;
}

// The first text as it stands alone, then the second and its end. Between them RoBERTa and its relatives have one token
// more, which files that are older than their key for it do not say.
TokenTemplate PairOf(const GgufVocab& vocab, const Around& around) {
  const bool bert = vocab.model == "bert";
  TokenTemplate pieces = SingleOf(around);
  const int32_t separator = vocab.separator >= 0 ? vocab.separator : vocab.eos;
  const bool told_nothing = !bert && vocab.separator >= 0 && !around.after.empty();
  if (separator >= 0 && vocab.add_separator.value_or(told_nothing)) Put({separator}, 0, pieces);
  pieces.push_back({Kind::kSecond, -1, bert ? 1 : 0});
  Put(around.after, bert ? 1 : 0, pieces);
  return pieces;
}

json::value Template(const GgufVocab& vocab, const Around& around) {
  if (around.before.empty() && around.after.empty()) return nullptr;
  json::object special;
  const auto array = [&](const TokenTemplate& pieces) {
    json::array out;
    for (const TemplatePiece& piece : pieces) {
      if (piece.kind != Kind::kToken) {
        const std::string_view name = piece.kind == Kind::kFirst ? "A" : "B";
        out.push_back(json::object{{"Sequence", json::object{{"id", name}, {"type_id", piece.type_id}}}});
        continue;
      }
      const std::string text = TextOf(vocab, static_cast<size_t>(piece.id));
      out.push_back(json::object{{"SpecialToken", json::object{{"id", text}, {"type_id", piece.type_id}}}});
      special[text] = json::object{{"id", text}, {"ids", json::array{piece.id}}, {"tokens", json::array{text}}};
    }
    return out;
  };
  const json::array single = array(SingleOf(around)), pair = array(PairOf(vocab, around));
  return json::object{{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

// Files do not always say whether a BERT lowers its text. One that does has no capital letter in its vocabulary.
bool IsCased(const GgufVocab& vocab) {
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string_view token = vocab.tokens[id];
    if (vocab.types[id] != Type::kNormal || IsBracketed(token)) continue;
    if (std::any_of(token.begin(), token.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) return true;
  }
  return false;
}

// "▁un", "believ", "able" -> "un", "##believ", "##able".
std::string WordPieceText(const GgufVocab& vocab, size_t id) {
  std::string text = TextOf(vocab, id);
  if (IsSpecial(vocab, id) || (text.front() == '[' && IsBracketed(text))) return text;
  // The mark alone is the sign itself inside a word.
  if (text.starts_with(kWordStart) && text.size() > kWordStart.size()) return text.substr(kWordStart.size());
  return "##" + text;
}

Result<std::unique_ptr<Tokenizer>> MakeWordPiece(const GgufVocab& vocab) {
  TokenizerFile file;
  file.name = vocab.place;
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    BANTAM_RETURN_IF_ERROR(AddToken(vocab, id, WordPieceText(vocab, id), file.tables.vocabulary));
  }
  const auto named = [&](int32_t first, int32_t second, std::string_view text) {
    return first >= 0 ? first : second >= 0 ? second : FindToken(vocab, text);
  };
  const int32_t unknown = named(vocab.unknown, -1, "[UNK]"), cls = named(vocab.cls, vocab.bos, "[CLS]"),
                separator = named(vocab.separator, vocab.eos, "[SEP]");
  if (unknown < 0) return NoToken(vocab, "unknown_token_id", "a WordPiece tokenizer needs");
  if (cls < 0) return NoToken(vocab, "cls_token_id", "a WordPiece tokenizer needs");
  if (separator < 0) return NoToken(vocab, "seperator_token_id", "a WordPiece tokenizer needs");
  file.added_tokens = AddedTokensOf(vocab);
  const bool lowercase = vocab.lowercase.value_or(!IsCased(vocab));
  json::object document;
  document["model"] = json::object{{"type", "WordPiece"},
                                   {"unk_token", WordPieceText(vocab, static_cast<size_t>(unknown))},
                                   {"continuing_subword_prefix", "##"},
                                   {"max_input_chars_per_word", 100},
                                   {"vocab", json::object()}};
  document["normalizer"] = json::object{{"type", "BertNormalizer"},
                                        {"clean_text", true},
                                        {"handle_chinese_chars", true},
                                        {"strip_accents", vocab.strip_accents.value_or(lowercase)},
                                        {"lowercase", lowercase}};
  document["pre_tokenizer"] = json::object{{"type", "BertPreTokenizer"}};
  document["decoder"] = json::object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  document["post_processor"] = Template(vocab, {{cls}, {separator}});
  file.document = std::move(document);
  return MakeTokenizer(std::move(file));
}

Result<std::unique_ptr<Tokenizer>> MakeByteLevelBpe(const GgufVocab& vocab) {
  BANTAM_TRY(const GgufPreTokenizer pre, FindGgufPreTokenizer(vocab.pre.empty() ? "default" : vocab.pre, vocab.place));
  TokenizerFile file;
  file.name = vocab.place;
  ReserveFor(vocab, file.tables.vocabulary);
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    BANTAM_RETURN_IF_ERROR(AddToken(vocab, id, TextOf(vocab, id), file.tables.vocabulary));
  }
  if (vocab.merges.empty()) return NoToken(vocab, "merges", "a BPE tokenizer needs");
  for (size_t i = 0; i < vocab.merges.size(); ++i) {
    Status added = FirstInvalidUtf8(vocab.merges[i]) ? Status(Err(ErrorCode::kCorrupt, "is not well-formed UTF-8"))
                                                     : file.tables.merges.AddLine(vocab.merges[i]);
    if (!added)
      return Wrong(vocab, "merges", fmt::format("element {} {}", i, added.error().message), added.error().code);
  }
  file.added_tokens = AddedTokensOf(vocab);
  BANTAM_TRY(const Around around, AroundOf(vocab, pre.add_bos && vocab.bos >= 0, false));
  json::object document;
  document["model"] = json::object{
      {"type", "BPE"}, {"ignore_merges", pre.ignore_merges}, {"vocab", json::object()}, {"merges", json::array()}};
  if (pre.composes) document["normalizer"] = json::object{{"type", "NFC"}};
  json::array steps;
  if (pre.punctuation_first) steps.push_back(json::object{{"type", "Punctuation"}, {"behavior", "Contiguous"}});
  for (const std::string_view pattern : pre.patterns) {
    steps.push_back(json::object{
        {"type", "Split"}, {"pattern", json::object{{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  steps.push_back(
      json::object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  document["pre_tokenizer"] = json::object{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
  document["decoder"] =
      json::object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  document["post_processor"] = Template(vocab, around);
  file.document = std::move(document);
  return MakeTokenizer(std::move(file));
}

// All 256 byte tokens, or none.
std::vector<int32_t> ByteTokens(const GgufVocab& vocab, const Vocabulary& vocabulary) {
  std::vector<int32_t> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    const int32_t id = vocabulary.IdOf(fmt::format("<0x{:02X}>", byte));
    if (id < 0 || vocab.types[static_cast<size_t>(id)] != Type::kByte) return {};
    bytes.push_back(id);
  }
  return bytes;
}

Result<std::unique_ptr<Tokenizer>> MakeSentencePiece(const GgufVocab& vocab, SentencePieceModel::Algorithm algorithm) {
  const bool bpe = algorithm == SentencePieceModel::Algorithm::kBpe;
  SentencePieceModel model;
  model.algorithm = algorithm;
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    BANTAM_RETURN_IF_ERROR(AddToken(vocab, id, TextOf(vocab, id), model.vocabulary));
    // The types have the same numbers; old files may call a special token normal.
    model.types.push_back(IsSpecial(vocab, id) && vocab.types[id] == Type::kNormal
                              ? SentencePieceModel::Type::kControl
                              : static_cast<SentencePieceModel::Type>(vocab.types[id]));
  }
  if (vocab.scores.empty()) return NoToken(vocab, "scores", "a SentencePiece tokenizer needs");
  model.scores = vocab.scores;
  if (Status finished = model.vocabulary.Finish(""); !finished) {
    return Wrong(vocab, "tokens", finished.error().message, finished.error().code);
  }
  // The same defaults as the format's own library has.
  model.unknown = vocab.unknown >= 0 ? vocab.unknown : FindToken(vocab, "<unk>");
  if (model.unknown < 0) return NoToken(vocab, "unknown_token_id", "a SentencePiece tokenizer needs");
  if (bpe) model.bytes = ByteTokens(vocab, model.vocabulary);
  model.byte_fallback = !model.bytes.empty();
  model.add_dummy_prefix = vocab.add_space_prefix.value_or(bpe);
  model.remove_extra_whitespaces = vocab.remove_extra_whitespaces.value_or(false);
  if (!vocab.charsmap.empty()) {
    Result<Charsmap> map = Charsmap::Parse(vocab.charsmap);
    if (!map) return Wrong(vocab, "precompiled_charsmap", map.error().message, map.error().code);
    model.charsmap = *std::move(map);
  }
  BANTAM_TRY(Around around, AroundOf(vocab, bpe && vocab.bos >= 0, !bpe && vocab.eos >= 0));
  TokenTemplate pair = PairOf(vocab, around);
  SentencePieceFrame frame{.before = std::move(around.before),
                           .after = std::move(around.after),
                           .pair = std::move(pair),
                           .finds_tokens = true};
  return MakeSentencePieceTokenizer(std::move(model), std::move(frame));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeGgufTokenizer(const GgufVocab& vocab) {
  using Algorithm = SentencePieceModel::Algorithm;
  const bool known = vocab.model == "bert" || vocab.model == "gpt2" || vocab.model == "llama" || vocab.model == "t5";
  if (!known) {
    return Wrong(vocab, "model",
                 fmt::format("is \"{}\", a tokenizer that is not read here; known: bert, gpt2, llama, t5",
                             EscapeForTerminal(vocab.model)),
                 ErrorCode::kUnsupported);
  }
  if (vocab.tokens.empty()) return NoToken(vocab, "tokens", "every tokenizer needs");
  BANTAM_RETURN_IF_ERROR(CheckUtf8(vocab));
  if (vocab.model == "bert") return MakeWordPiece(vocab);
  if (vocab.model == "gpt2") return MakeByteLevelBpe(vocab);
  return MakeSentencePiece(vocab, vocab.model == "llama" ? Algorithm::kBpe : Algorithm::kUnigram);
}

Result<std::unique_ptr<Tokenizer>> LoadGgufTokenizer(const Path& path) {
  BANTAM_TRY(const auto file, GgufFile::Open(path));
  return Tokenizer::FromGguf(file->metadata());
}

}  // namespace bantam::text

namespace bantam {

Result<std::unique_ptr<Tokenizer>> Tokenizer::FromGguf(const GgufMetadata& metadata) {
  BANTAM_TRY(const GgufVocab vocab, ReadGgufVocab(metadata));
  return text::MakeGgufTokenizer(vocab);
}

}  // namespace bantam
