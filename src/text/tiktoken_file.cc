// tiktoken's rank files: a token in base64 and its rank, a line each. Two neighbours merge when together they are a
// token, by its rank; the merges of a BPE model are all ways to cut each token in two tokens.
#include <fmt/ranges.h>

#include "base/base64.h"
#include "text/byte_alphabet.h"
#include "text/general_pipeline.h"
#include "text/loaders.h"

namespace bantam::text {
namespace {

constexpr size_t kMostTokenBytes = 1'024;
constexpr size_t kMostMerges = size_t{32} << 20;

struct SpecialToken {
  std::string_view content;
  int32_t id;
};

constexpr SpecialToken kGpt2Special[] = {{"<|endoftext|>", 50256}};
constexpr SpecialToken kP50kEditSpecial[] = {
    {"<|endoftext|>", 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283}};
constexpr SpecialToken kCl100kSpecial[] = {{"<|endoftext|>", 100257},
                                           {"<|fim_prefix|>", 100258},
                                           {"<|fim_middle|>", 100259},
                                           {"<|fim_suffix|>", 100260},
                                           {"<|endofprompt|>", 100276}};
constexpr SpecialToken kO200kSpecial[] = {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}};

struct Encoding {
  std::string_view name;
  std::span<const SpecialToken> special;
};

constexpr Encoding kEncodings[] = {
    {"gpt2", kGpt2Special},          {"r50k_base", kGpt2Special},     {"p50k_base", kGpt2Special},
    {"p50k_edit", kP50kEditSpecial}, {"cl100k_base", kCl100kSpecial}, {"o200k_base", kO200kSpecial},
};

Result<const Encoding*> FindEncoding(std::string_view name, std::string_view file) {
  std::vector<std::string_view> known;
  for (const Encoding& encoding : kEncodings) {
    if (encoding.name == name) return &encoding;
    known.push_back(encoding.name);
  }
  return Err(ErrorCode::kUnsupported,
             "{}: ranks do not say how text is cut into words; name the file after its encoding, one of {}", file,
             fmt::join(known, ", "));
}

// All ways to cut the tokens in two.
Result<std::vector<RankedMerge>> MergesOf(const std::vector<std::pair<std::string, int32_t>>& tokens,
                                          const Vocabulary& spelled, std::string_view name) {
  std::vector<RankedMerge> merges;
  for (const auto& [bytes, rank] : tokens) {
    const std::string letters = ByteAlphabet::Spell(bytes);
    size_t cut = 0;
    for (size_t i = 0; i + 1 < bytes.size(); ++i) {
      cut += ByteAlphabet::Of(bytes[i]).size();
      const int32_t left = spelled.IdOf(std::string_view(letters).substr(0, cut));
      if (left < 0) continue;
      const int32_t right = spelled.IdOf(std::string_view(letters).substr(cut));
      if (right < 0) continue;
      if (merges.size() == kMostMerges) {
        return Err(ErrorCode::kTooLarge, "{}: its tokens can be cut in more than {} ways", name, kMostMerges);
      }
      merges.push_back({left, right, static_cast<uint32_t>(rank), rank});
    }
  }
  return merges;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadTiktoken(std::string_view text, std::string_view name,
                                                std::string_view encoding_name) {
  BANTAM_TRY(const Encoding* encoding, FindEncoding(encoding_name, name));
  TokenizerFile file;
  file.name = name;
  std::vector<std::pair<std::string, int32_t>> tokens;
  Vocabulary spelled;
  for (size_t begin = 0, number = 1; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t space = line.find(' ');
    std::optional<std::string> bytes;
    int64_t rank = 0;
    bool good = space != std::string_view::npos && space + 1 < line.size() && line.size() - space <= 9;
    for (const char c : line.substr(good ? space + 1 : line.size())) {
      good = good && c >= '0' && c <= '9';
      rank = rank * 10 + (c - '0');
    }
    if (good) bytes = DecodeBase64(line.substr(0, space));
    if (!bytes || bytes->empty()) {
      return Err(ErrorCode::kCorrupt, "{}:{}: is {}, expected a token in base64, a space and its rank", name, number,
                 QuoteForError(line));
    }
    if (bytes->size() > kMostTokenBytes) {
      return Err(ErrorCode::kTooLarge, "{}:{}: a token of {} bytes, the limit is {}", name, number, bytes->size(),
                 kMostTokenBytes);
    }
    const std::string letters = ByteAlphabet::Spell(*bytes);
    Status added = file.tables.vocabulary.Add(letters, rank);
    if (added) added = spelled.Add(letters, rank);
    if (!added) return Err(added.error().code, "{}:{}: {}", name, number, added.error().message);
    tokens.emplace_back(*std::move(bytes), static_cast<int32_t>(rank));
  }
  if (Status finished = spelled.Finish(""); !finished) {
    return Err(finished.error().code, "{}: {}", name, finished.error().message);
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (spelled.IdOf(ByteAlphabet::Of(static_cast<char>(byte))) < 0) {
      return Err(ErrorCode::kCorrupt, "{}: has no token for the byte {}: text with it could not be encoded", name,
                 byte);
    }
  }
  BANTAM_TRY(file.tables.ranked_merges, MergesOf(tokens, spelled, name));
  for (const SpecialToken& special : encoding->special) {
    Status added = file.tables.vocabulary.Add(special.content, special.id);
    if (!added) {
      return Err(added.error().code, "{}: is not {}, whose special tokens have ids of their own: {}", name,
                 encoding->name, added.error().message);
    }
    AddedToken token;
    token.id = special.id;
    token.content = special.content;
    token.special = true;
    file.added_tokens.push_back(std::move(token));
  }
  const json::object byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  json::object document;
  document["model"] =
      json::object{{"type", "BPE"}, {"ignore_merges", true}, {"vocab", json::object()}, {"merges", json::array()}};
  document["pre_tokenizer"] =
      json::object{{"type", "Sequence"},
                   {"pretokenizers", json::array{json::object{{"type", "Split"},
                                                              {"pattern", json::object{{"Tiktoken", encoding->name}}},
                                                              {"behavior", "Isolated"},
                                                              {"invert", false}},
                                                 byte_level}}};
  document["decoder"] = byte_level;
  file.document = std::move(document);
  return MakeTokenizer(std::move(file));
}

}  // namespace bantam::text
