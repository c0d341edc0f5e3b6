#include "tasks/text_reader.h"

#include <algorithm>
#include <utility>

#include "base/text_util.h"

namespace bantam {

Result<TextReader> TextReader::Create(std::shared_ptr<const Tokenizer> tokenizer, const SentenceConfig& sentence,
                                      int max_positions) {
  const std::string& token = sentence.multi_vector.expansion_token;
  if (!token.empty() && tokenizer->TokenId(token) < 0) {
    return Err(ErrorCode::kCorrupt, "queries are to be filled up with \"{}\", which the tokenizer does not have",
               EscapeForTerminal(token, 80));
  }
  return TextReader(std::move(tokenizer), sentence, max_positions);
}

TextReader::TextReader(std::shared_ptr<const Tokenizer> tokenizer, const SentenceConfig& sentence, int max_positions)
    : tokenizer_(std::move(tokenizer)),
      add_special_tokens_(sentence.add_special_tokens),
      include_prompt_(sentence.include_prompt),
      prompts_(sentence.prompts),
      multi_(sentence.multi_vector),
      max_tokens_(sentence.max_seq_length > 0 ? std::min(sentence.max_seq_length, max_positions) : max_positions),
      max_positions_(max_positions) {
  if (!multi_.on) return;
  expansion_id_ = tokenizer_->TokenId(multi_.expansion_token);
  for (const std::string& word : multi_.skip_words) {
    // A word that is no token of its own is none that could be skipped.
    if (const int32_t id = tokenizer_->TokenId(word); id >= 0) skip_ids_.push_back(id);
  }
  std::ranges::sort(skip_ids_);
  const std::vector<int32_t> nothing = tokenizer_->Encode("", {}).ids, word = tokenizer_->Encode("a", {}).ids;
  num_leading_ = std::ranges::mismatch(nothing, word).in1 - nothing.begin();
}

Result<TextPrompt> TextReader::Resolve(const PromptChoice& choice, bool trusted) const {
  if (choice.text) return Read(*choice.text, trusted);
  if (choice.name) {
    if (const std::string* text = prompts_.Find(*choice.name)) return Read(*text, true);
    // The reference has these two, empty, in every model.
    if (*choice.name == "query" || *choice.name == "document") return Read("", true);
    std::string names;
    for (const auto& [name, unused] : prompts_.texts) names += (names.empty() ? "" : ", ") + name;
    return Err(ErrorCode::kInvalidArgument, "the model has no prompt \"{}\"; it has: {}",
               EscapeForTerminal(*choice.name, 80), names.empty() ? "none" : EscapeForTerminal(names, 400));
  }
  if (choice.role == PromptChoice::Role::kNone) {
    const std::string* text = prompts_.Find(prompts_.default_name);
    return Read(text == nullptr ? "" : *text, true);
  }
  static constexpr std::string_view kNames[] = {"query", "document", "passage", "corpus"};
  const bool query = choice.role == PromptChoice::Role::kQuery;
  for (const std::string_view name : query ? std::span(kNames).first(1) : std::span(kNames).subspan(1)) {
    if (const std::string* text = prompts_.Find(name)) return Read(*text, true);
  }
  return Read("", true);
}

TextPrompt TextReader::Read(std::string text, bool trusted) const {
  TextPrompt prompt{.text = std::move(text), .trusted = trusted};
  if (multi_.prefixes_are_tokens && trusted) CutOffPrefix(prompt);
  if (include_prompt_ || prompt.text.empty()) return prompt;
  // As the reference counts: with what the tokenizer puts in front, without what it puts behind.
  EncodeOptions options = Options(prompt, max_tokens_);
  const std::vector<int32_t> all = tokenizer_->Encode(prompt.text, options).ids;
  options.add_special_tokens = false;
  const std::vector<int32_t> own = tokenizer_->Encode(prompt.text, options).ids;
  const bool something_behind = !all.empty() && (own.empty() || all.back() != own.back());
  prompt.skip_tokens = all.size() - (something_behind ? 1 : 0);
  return prompt;
}

// The first word of a prompt as the one token that it is for the model, which the tokenizer may not know.
void TextReader::CutOffPrefix(TextPrompt& prompt) const {
  const std::string text = prompt.text;
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return;
  for (const std::string& prefix : {text, text.substr(0, text.find(' ', begin))}) {
    const int32_t id = tokenizer_->TokenId(prefix);
    if (id < 0) continue;
    const EncodeOptions options{.add_special_tokens = false, .trusted_prefix_bytes = prefix.size()};
    if (tokenizer_->Encode(prefix, options).ids != std::vector<int32_t>{id}) {
      prompt.lead_id = id;
      prompt.text.erase(0, prefix.size());
    }
    return;
  }
}

EncodeOptions TextReader::Options(const TextPrompt& prompt, int limit) const {
  return {.add_special_tokens = add_special_tokens_,
          .recognize_special_tokens = false,
          .trusted_prefix_bytes = prompt.trusted ? prompt.text.size() : 0,
          .offsets = false,
          .max_tokens = static_cast<size_t>(limit)};
}

Encoding TextReader::Encode(std::string_view text, const TextPrompt& prompt) const {
  const EncodeOptions options = Options(prompt, max_tokens_);
  return prompt.text.empty() ? tokenizer_->Encode(text, options)
                             : tokenizer_->Encode(prompt.text + std::string(text), options);
}

Encoding TextReader::EncodeFor(std::string_view text, const TextPrompt& prompt, PromptChoice::Role role) const {
  int limit = max_tokens_;
  if (role == PromptChoice::Role::kQuery && multi_.expansion_length > 0 && multi_.expansion_is_limit) {
    limit = multi_.expansion_length;
  } else if (role == PromptChoice::Role::kQuery && multi_.query_length > 0) {
    limit = std::max(multi_.query_length, multi_.expansion_length);
  } else if (role == PromptChoice::Role::kDocument && multi_.document_length > 0) {
    limit = multi_.document_length;
  }
  EncodeOptions options = Options(prompt, std::min(limit, max_positions_));
  if (prompt.lead_id >= 0) options.max_tokens = std::max<size_t>(options.max_tokens, 2) - 1;
  Encoding encoding = tokenizer_->Encode(prompt.text + std::string(text), options);
  if (prompt.lead_id >= 0) {
    const auto at = std::min(num_leading_, static_cast<ptrdiff_t>(encoding.ids.size()));
    encoding.ids.insert(encoding.ids.begin() + at, prompt.lead_id);
    ++encoding.num_tokens_before_truncation;
  }
  return encoding;
}

TokenSequence TextReader::Expand(const Encoding& encoding, PromptChoice::Role role) const {
  const bool query = role == PromptChoice::Role::kQuery;
  TokenSequence sequence{.ids = encoding.ids,
                         .counts = {},
                         .num_keys = 0,
                         .text_tokens = encoding.num_tokens_before_truncation,
                         .truncated = encoding.truncated()};
  const auto length = static_cast<size_t>(std::min(multi_.expansion_length, max_positions_));
  if (query && sequence.ids.size() < length) {
    if (!multi_.attend) sequence.num_keys = sequence.ids.size();
    sequence.ids.resize(length, expansion_id_);
  }
  const bool skip = query ? multi_.skip_in_queries : multi_.skip_in_documents;
  for (const int32_t id : sequence.ids) {
    sequence.counts.push_back(skip && std::ranges::binary_search(skip_ids_, id) ? 0 : 1);
  }
  return sequence;
}

}  // namespace bantam
