// The older kinds of vocabulary: vocab.txt, and vocab.json with merges.txt. What a tokenizer.json would say beside the
// tokens is made here as the reference's converters make it.
#include <algorithm>

#include "base/text_util.h"
#include "text/general_pipeline.h"
#include "text/loaders.h"

namespace bantam::text {
namespace {

// Calls take(line, number from 0) for each line without its end.
template <typename Take>
Status EachLine(std::string_view text, const Take& take) {
  for (size_t begin = 0, number = 0; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    BANTAM_RETURN_IF_ERROR(take(line, number));
    begin = end + 1;
  }
  return Ok();
}

int32_t IdIn(const std::vector<std::pair<std::string, int32_t>>& names, std::string_view token) {
  for (const auto& [name, id] : names) {
    if (name == token) return id;
  }
  return -1;
}

// Fills in the ids of those tokens of `wanted` that pass by.
void Note(std::string_view token, int64_t id, std::vector<std::pair<std::string, int32_t>>& wanted) {
  for (auto& [name, known] : wanted) {
    if (name == token) known = static_cast<int32_t>(id);
  }
}

AddedToken Special(std::string_view content, int32_t id) {
  AddedToken token;
  token.id = id;
  token.content = content;
  token.special = true;
  return token;
}

json::value TokenAndId(std::string_view token, int32_t id) { return json::array{token, id}; }

// What tokenizer_config.json says about a BERT tokenizer; the reference's defaults where it says nothing.
Result<json::object> BertNormalizerOf(const Path& folder) {
  json::object out{{"type", "BertNormalizer"},
                   {"clean_text", true},
                   {"handle_chinese_chars", true},
                   {"strip_accents", nullptr},
                   {"lowercase", true}};
  const Path path = folder / "tokenizer_config.json";
  std::error_code ignored;
  if (folder.empty() || !std::filesystem::is_regular_file(path, ignored)) return out;
  const std::string name = EscapeForTerminal(path.string(), 400);
  BANTAM_TRY(const std::string text, ReadFile(path, kMaxTokenizerFileBytes));
  BANTAM_TRY(const json::value document, ParseJson(text, name));
  const JsonPart config(&document, "", name);
  static constexpr std::pair<const char*, const char*> kMembers[] = {{"do_lower_case", "lowercase"},
                                                                     {"tokenize_chinese_chars", "handle_chinese_chars"},
                                                                     {"strip_accents", "strip_accents"}};
  for (const auto& [theirs, ours] : kMembers) {
    BANTAM_TRY(const std::optional<bool> value, config.BoolOrNull(theirs));
    if (value) out[ours] = *value;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadVocabTxt(std::string_view text, std::string_view name, const Path& folder) {
  if (FirstInvalidUtf8(text)) return Err(ErrorCode::kCorrupt, "{}: is not UTF-8 text", name);
  TokenizerFile file;
  file.name = name;
  std::vector<std::pair<std::string, int32_t>> special{
      {"[PAD]", -1}, {"[UNK]", -1}, {"[CLS]", -1}, {"[SEP]", -1}, {"[MASK]", -1}};
  BANTAM_RETURN_IF_ERROR(EachLine(text, [&](std::string_view line, size_t number) -> Status {
    if (line.empty()) return Ok();  // its number stays free
    Status added = file.tables.vocabulary.Add(line, static_cast<int64_t>(number));
    if (!added) return Err(added.error().code, "{}:{}: {}", name, number + 1, added.error().message);
    Note(line, static_cast<int64_t>(number), special);
    return Ok();
  }));
  const int32_t cls = IdIn(special, "[CLS]"), sep = IdIn(special, "[SEP]");
  if (IdIn(special, "[UNK]") < 0) {
    return Err(ErrorCode::kCorrupt, "{}: has no line [UNK]: it is no vocabulary of BERT", name);
  }
  for (const auto& [token, id] : special) {
    if (id >= 0) file.added_tokens.push_back(Special(token, id));
  }
  BANTAM_TRY(json::object normalizer, BertNormalizerOf(folder));
  json::object document;
  document["model"] = json::object{{"type", "WordPiece"},
                                   {"unk_token", "[UNK]"},
                                   {"continuing_subword_prefix", "##"},
                                   {"max_input_chars_per_word", 100},
                                   {"vocab", json::object()}};
  document["normalizer"] = std::move(normalizer);
  document["pre_tokenizer"] = json::object{{"type", "BertPreTokenizer"}};
  document["decoder"] = json::object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  if (cls >= 0 && sep >= 0) {
    document["post_processor"] =
        json::object{{"type", "BertProcessing"}, {"cls", TokenAndId("[CLS]", cls)}, {"sep", TokenAndId("[SEP]", sep)}};
  }
  file.document = std::move(document);
  return MakeTokenizer(std::move(file));
}

Result<std::unique_ptr<Tokenizer>> LoadVocabAndMerges(std::string_view vocab, std::string_view merges,
                                                      std::string_view name, std::string_view merges_name) {
  TokenizerFile file;
  file.name = name;
  std::vector<std::pair<std::string, int32_t>> special{{"<|startoftext|>", -1}, {"<|endoftext|>", -1}, {"<s>", -1},
                                                       {"<pad>", -1},           {"</s>", -1},          {"<unk>", -1},
                                                       {"<mask>", -1}};
  bool ends_words = false;  // CLIP's tokens end with </w>
  const auto add = [&](std::string_view key, json::value&& value) -> Status {
    if (!value.is_int64()) return JsonPart(&value, PointerTo("", key), "").AsInt(0, Vocabulary::kMaxId).error();
    Status added = file.tables.vocabulary.Add(key, value.get_int64());
    if (!added) return added;
    Note(key, value.get_int64(), special);
    ends_words |= key.size() > 4 && key.ends_with("</w>");
    return Ok();
  };
  const JsonStream streams[] = {{{}, add}};
  Result<json::value> document = ParseJson(vocab, name, {}, streams);
  if (!document) {
    Error error = std::move(document).error();
    if (error.code == ErrorCode::kInvalidArgument) error.code = ErrorCode::kCorrupt;
    return error;
  }
  BANTAM_RETURN_IF_ERROR(JsonPart(&*document, "", name).CheckObject());
  BANTAM_RETURN_IF_ERROR(EachLine(merges, [&](std::string_view line, size_t number) -> Status {
    if (line.starts_with("#version") || line.empty()) return Ok();
    if (FirstInvalidUtf8(line)) return Err(ErrorCode::kCorrupt, "{}:{}: is not UTF-8 text", merges_name, number + 1);
    Status added = file.tables.merges.AddLine(line);
    if (added) return added;
    return Err(added.error().code, "{}:{}: {}", merges_name, number + 1, added.error().message);
  }));

  json::object model{{"type", "BPE"}, {"vocab", json::object()}, {"merges", json::array()}};
  json::object out;
  const json::object byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  out["pre_tokenizer"] = byte_level;
  out["decoder"] = byte_level;
  const auto around = [&](std::string_view cls, std::string_view sep, bool trims) {
    return json::object{{"type", "RobertaProcessing"},
                        {"cls", TokenAndId(cls, IdIn(special, cls))},
                        {"sep", TokenAndId(sep, IdIn(special, sep))},
                        {"trim_offsets", trims},
                        {"add_prefix_space", false}};
  };
  if (ends_words && IdIn(special, "<|startoftext|>") >= 0 && IdIn(special, "<|endoftext|>") >= 0) {  // CLIP
    model["unk_token"] = "<|endoftext|>";
    model["end_of_word_suffix"] = "</w>";
    out["normalizer"] = json::object{
        {"type", "Sequence"},
        {"normalizers",
         json::array{json::object{{"type", "NFC"}},
                     json::object{{"type", "Replace"}, {"pattern", json::object{{"Regex", "\\s+"}}}, {"content", " "}},
                     json::object{{"type", "Lowercase"}}}}};
    json::object mapped = byte_level;
    mapped["use_regex"] = false;
    const json::object pattern{
        {"Regex", R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"}};
    out["pre_tokenizer"] = json::object{
        {"type", "Sequence"},
        {"pretokenizers",
         json::array{json::object{{"type", "Split"}, {"pattern", pattern}, {"behavior", "Removed"}, {"invert", true}},
                     mapped}}};
    out["post_processor"] = around("<|startoftext|>", "<|endoftext|>", false);
  } else if (IdIn(special, "<s>") >= 0 && IdIn(special, "</s>") >= 0) {  // RoBERTa
    out["post_processor"] = around("<s>", "</s>", true);
  } else {  // GPT-2
    json::object trim = byte_level;
    trim["trim_offsets"] = false;
    out["post_processor"] = trim;
  }
  for (const auto& [token, id] : special) {
    if (id < 0) continue;
    file.added_tokens.push_back(Special(token, id));
    file.added_tokens.back().lstrip = token == "<mask>";
  }
  out["model"] = std::move(model);
  file.document = std::move(out);
  return MakeTokenizer(std::move(file));
}

}  // namespace bantam::text
