#include "tasks/infill.h"

#include <algorithm>
#include <array>
#include <span>

namespace bantam {
namespace {

// Qwen2.5-Coder, CodeGemma and Granite 4; StarCoder, Granite 3 and others; SantaCoder; DeepSeek; CodeLlama; those of
// the same kind that call it code. What belongs together stands at the same place.
struct Spelling {
  std::string_view prefix, suffix, middle;
};
constexpr std::array kSpellings{
    Spelling{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
    Spelling{"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
    Spelling{"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
    Spelling{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    Spelling{"▁<PRE>", "▁<SUF>", "▁<MID>"},
    Spelling{"<PRE>", "<SUF>", "<MID>"},
    Spelling{"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"},
};
constexpr std::array<std::string_view, 4> kRepository{"<|repo_name|>", "<repo_name>", "<reponame>", "<|fim_repo|>"};
constexpr std::array<std::string_view, 4> kFile{"<|file_sep|>", "<file_sep>", "<|file_separator|>", "<filename>"};
// The end of the middle, as CodeLlama has it, and padding, which some write there.
constexpr std::array<std::string_view, 8> kEnds{
    "<|fim_pad|>", "<fim_pad>",    "<fim-pad>",     "▁<EOT>",
    "<EOT>",       "<|code_eot|>", "<|endoftext|>", "<｜end▁of▁sentence｜>"};

int32_t FirstOf(const Tokenizer& tokenizer, std::span<const std::string_view> spellings) {
  for (const std::string_view text : spellings) {
    if (const int32_t id = tokenizer.TokenId(text); id >= 0) return id;
  }
  return -1;
}

int32_t FromMetadata(const Tokenizer& tokenizer, const GgufMetadata* metadata,
                     std::initializer_list<std::string_view> keys) {
  if (metadata == nullptr) return -1;
  for (const std::string_view key : keys) {
    const auto id = metadata->Int(key, 0, tokenizer.vocab_size() - 1);
    if (id) return static_cast<int32_t>(*id);
  }
  return -1;
}

// What a sequence begins with.
std::vector<int32_t> Begin(const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  for (const TemplatePiece& piece : tokenizer.single_template()) {
    if (piece.kind != TemplatePiece::Kind::kToken) break;
    ids.push_back(piece.id);
  }
  return ids;
}

}  // namespace

Result<FimTokens> FindFimTokens(const Tokenizer& tokenizer, const GgufMetadata* metadata) {
  FimTokens tokens;
  tokens.prefix =
      FromMetadata(tokenizer, metadata, {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"});
  tokens.suffix =
      FromMetadata(tokenizer, metadata, {"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"});
  tokens.middle =
      FromMetadata(tokenizer, metadata, {"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"});
  tokens.repository = FromMetadata(tokenizer, metadata, {"tokenizer.ggml.fim_rep_token_id"});
  tokens.file = FromMetadata(tokenizer, metadata, {"tokenizer.ggml.fim_sep_token_id"});
  for (const Spelling& spelling : kSpellings) {
    if (tokens.prefix >= 0 && tokens.suffix >= 0 && tokens.middle >= 0) break;
    tokens.prefix = tokenizer.TokenId(spelling.prefix);
    tokens.suffix = tokenizer.TokenId(spelling.suffix);
    tokens.middle = tokenizer.TokenId(spelling.middle);
  }
  if (tokens.prefix < 0 || tokens.suffix < 0 || tokens.middle < 0) {
    return Err(ErrorCode::kUnsupported,
               "the model was not taught to fill in the middle: its vocabulary has no tokens for it (<|fim_prefix|>, "
               "<fim_prefix>, <PRE> and the like); take a code model, such as Qwen2.5-Coder or StarCoder2");
  }
  if (tokens.repository < 0) tokens.repository = FirstOf(tokenizer, kRepository);
  if (tokens.file < 0) tokens.file = FirstOf(tokenizer, kFile);
  // A model that goes on after the middle begins the next of its pieces.
  for (const int32_t id : {tokens.prefix, tokens.suffix, tokens.middle, tokens.repository, tokens.file}) {
    if (id >= 0) tokens.ends.push_back(id);
  }
  for (const std::string_view end : kEnds) {
    if (const int32_t id = tokenizer.TokenId(end); id >= 0) tokens.ends.push_back(id);
  }
  return tokens;
}

InfillPrompt MakeInfillPrompt(const Tokenizer& tokenizer, const FimTokens& tokens, const InfillText& text,
                              size_t max_tokens) {
  const auto encode = [&](std::string_view piece) {
    return tokenizer.Encode(piece, {.add_special_tokens = false}).ids;
  };
  const auto append = [](std::vector<int32_t>& to, const std::vector<int32_t>& ids) {
    to.insert(to.end(), ids.begin(), ids.end());
  };
  const bool has_files = tokens.file >= 0;
  std::vector<int32_t> head = Begin(tokenizer), own;
  if (!text.extra.empty() && has_files) {
    if (tokens.repository >= 0) {
      head.push_back(tokens.repository);
      append(head, encode("project\n"));
    }
    own.push_back(tokens.file);
    append(own, encode("file\n"));
  }
  own.push_back(tokens.prefix);
  append(own, encode(text.prefix));
  own.push_back(tokens.suffix);
  append(own, encode(text.suffix));
  own.push_back(tokens.middle);

  // From the last on, as many as there is room for.
  InfillPrompt prompt;
  size_t used = head.size() + own.size();
  std::vector<std::vector<int32_t>> files;
  for (size_t i = text.extra.size(); i > 0; --i) {
    const InfillFile& file = text.extra[i - 1];
    std::vector<int32_t> ids;
    if (has_files) {
      ids.push_back(tokens.file);
      append(ids, encode(file.name + "\n" + file.text + "\n"));
    } else {
      append(ids, encode(file.text + "\n\n"));
    }
    if (used + ids.size() > max_tokens) {
      prompt.dropped_files = i;
      break;
    }
    used += ids.size();
    files.push_back(std::move(ids));
  }
  prompt.ids = std::move(head);
  for (size_t i = files.size(); i > 0; --i) append(prompt.ids, files[i - 1]);
  append(prompt.ids, own);
  return prompt;
}

}  // namespace bantam
