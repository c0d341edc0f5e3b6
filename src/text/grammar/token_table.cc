#include "text/grammar/token_table.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text_util.h"
#include "text/byte_alphabet.h"
#include "text/grammar/code_points.h"

namespace bantam::grammar {
namespace {

constexpr std::array<uint8_t, 12> kSliceChars{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 254};

// Of well-formed text without what JSON escapes; nothing for all else.
std::optional<size_t> OrdinaryChars(std::string_view bytes) {
  size_t chars = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == '"' || byte == '\\') return std::nullopt;
    chars += (byte & 0xC0) != 0x80 ? 1 : 0;
  }
  if (FirstInvalidUtf8(bytes)) return std::nullopt;
  return chars;
}

// How the texts of a vocabulary are to be read, found by asking its decoder.
struct Notation {
  bool byte_level = false;     // GPT-2's alphabet
  bool metaspace = false;      // U+2581 is a space
  bool byte_fallback = false;  // <0x41> is a byte
};

std::optional<std::string> FallbackByte(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(3, 2)) {
    const bool letter = c >= 'A' && c <= 'F';
    if (!letter && !(c >= '0' && c <= '9')) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(letter ? c - 'A' + 10 : c - '0');
  }
  return std::string(1, static_cast<char>(value));
}

std::string BytesOfText(std::string_view text, const Notation& notation) {
  if (notation.byte_level) {
    std::string bytes;
    for (const uint32_t c : DecodeUtf8(text)) {
      const std::optional<char> byte = text::ByteAlphabet::ByteOf(static_cast<char32_t>(c));
      if (!byte) return std::string(text);  // an added token, as it stands
      bytes += *byte;
    }
    return bytes;
  }
  if (notation.byte_fallback) {
    if (std::optional<std::string> byte = FallbackByte(text)) return *byte;
  }
  if (!notation.metaspace) return std::string(text);
  constexpr std::string_view kMark = "\xE2\x96\x81";
  std::string bytes;
  while (!text.empty()) {
    const bool space = text.starts_with(kMark);
    bytes += space ? ' ' : text.front();
    text.remove_prefix(space ? kMark.size() : 1);
  }
  return bytes;
}

}  // namespace

Result<std::shared_ptr<const TokenTable>> TokenTable::From(const Tokenizer& tokenizer,
                                                           std::span<const int32_t> markers) {
  const auto joins = [&](std::vector<std::string> tokens, std::string_view expected) {
    return tokenizer.JoinTokenTexts(std::move(tokens)) == expected;
  };
  Notation notation;
  notation.byte_level = joins({"a", "\u0120", "a"}, "a a");
  notation.metaspace = !notation.byte_level && joins({"a", "\u2581", "a"}, "a a");
  notation.byte_fallback = !notation.byte_level && joins({"a", "<0x41>", "a"}, "aAa");
  if (tokenizer.kind() == "WordPiece" || !joins({"a", "a"}, "aa")) {
    return Err(ErrorCode::kUnsupported,
               "the model's tokenizer ({}) writes words, not pieces of text: its output cannot be held to a grammar",
               tokenizer.kind());
  }
  std::vector<std::string> tokens(static_cast<size_t>(std::max(0, tokenizer.vocab_size())));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view text = tokenizer.TokenText(id);
    if (text.empty()) continue;
    if (std::ranges::find(markers, id) != markers.end()) {
      tokens[static_cast<size_t>(id)] = text;
      continue;
    }
    // Control tokens are what a decoder leaves out when it is asked to.
    const std::array ids{id};
    if (tokenizer.Decode(ids, {.skip_special_tokens = true}).empty() &&
        !tokenizer.Decode(ids, {.skip_special_tokens = false}).empty())
      continue;
    tokens[static_cast<size_t>(id)] = BytesOfText(text, notation);
  }
  auto table = std::const_pointer_cast<TokenTable>(FromBytes(std::move(tokens)));
  table->tokenizer_ = &tokenizer;
  table->markers_.assign(markers.begin(), markers.end());
  return std::shared_ptr<const TokenTable>(std::move(table));
}

std::shared_ptr<const TokenTable> TokenTable::FromBytes(std::vector<std::string> tokens) {
  auto table = std::make_shared<TokenTable>();
  table->ends_.push_back(0);
  for (const std::string& token : tokens) {
    // A trie's node counts 16 bits of depth; no token that a text can be made of comes near.
    if (token.size() <= 0xFFFF) table->bytes_ += token;
    table->ends_.push_back(static_cast<uint32_t>(table->bytes_.size()));
  }
  table->BuildTrie();
  table->BuildSlices();
  return table;
}

void TokenTable::BuildTrie() {
  for (int32_t id = 0; id < size(); ++id) {
    if (!BytesOf(id).empty()) ids_.push_back(id);
  }
  std::ranges::stable_sort(ids_, {}, [&](int32_t id) { return BytesOf(id); });
  std::vector<uint32_t> path;  // nodes of the last token
  std::string_view last;
  for (uint32_t i = 0; i < ids_.size(); ++i) {
    const std::string_view bytes = BytesOf(ids_[i]);
    max_bytes_ = std::max(max_bytes_, bytes.size());
    size_t common = 0;
    while (common < last.size() && common < bytes.size() && last[common] == bytes[common]) ++common;
    for (; path.size() > common; path.pop_back()) nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
    for (size_t k = common; k < bytes.size(); ++k) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.first_id = i, .depth = static_cast<uint16_t>(k + 1), .byte = static_cast<uint8_t>(bytes[k])});
    }
    ++nodes_[path.back()].num_ids;
    last = bytes;
  }
  for (; !path.empty(); path.pop_back()) nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
}

void TokenTable::BuildSlices() {
  const size_t words = (static_cast<size_t>(size()) + 31) / 32;
  for (const uint8_t chars : kSliceChars) slices_.push_back({.max_chars = chars, .bits = std::vector<uint32_t>(words)});
  std::vector<uint8_t> first(ids_.size(), kNoSlice);
  for (size_t i = 0; i < ids_.size(); ++i) {
    const std::optional<size_t> chars = OrdinaryChars(BytesOf(ids_[i]));
    if (!chars) continue;
    for (size_t k = kSliceChars.size(); k > 0 && *chars <= kSliceChars[k - 1]; --k) {
      first[i] = static_cast<uint8_t>(k - 1);
      const auto id = static_cast<uint32_t>(ids_[i]);
      slices_[k - 1].bits[id / 32] |= 1U << id % 32;
    }
  }
  // From the back: what follows a node is there before it.
  for (size_t i = nodes_.size(); i > 0; --i) {
    Node& node = nodes_[i - 1];
    for (uint32_t k = 0; k < node.num_ids; ++k) node.slice = std::max(node.slice, first[node.first_id + k]);
    for (uint32_t child = static_cast<uint32_t>(i); child < node.end; child = nodes_[child].end) {
      node.slice = std::max(node.slice, nodes_[child].slice);
    }
  }
}

std::vector<int32_t> TokenTable::Cut(std::string_view bytes) const {
  std::vector<int32_t> out;
  while (!bytes.empty()) {
    size_t first = bytes.size();
    int32_t found = -1;
    for (const int32_t id : markers_) {
      const size_t at = bytes.find(BytesOf(id));
      if (at < first) first = at, found = id;
    }
    if (!CutPlain(bytes.substr(0, first), out) || found < 0) break;
    bytes.remove_prefix(first);
    out.push_back(found);
    bytes.remove_prefix(BytesOf(found).size());
  }
  return out;
}

bool TokenTable::CutPlain(std::string_view bytes, std::vector<int32_t>& out) const {
  if (bytes.empty()) return true;
  if (tokenizer_ != nullptr && !FirstInvalidUtf8(bytes)) {
    std::vector<int32_t> ids = tokenizer_->Encode(bytes, {.add_special_tokens = false}).ids;
    std::string together;
    for (const int32_t id : ids) together += BytesOf(id);
    if (together == bytes) {
      out.insert(out.end(), ids.begin(), ids.end());
      return true;
    }
  }
  while (!bytes.empty()) {  // the longest each time
    int32_t best = -1;
    size_t length = 0;
    for (uint32_t i = 0, end = static_cast<uint32_t>(nodes_.size()), depth = 0; i < end;) {
      if (depth >= bytes.size() || nodes_[i].byte != static_cast<uint8_t>(bytes[depth])) {
        i = nodes_[i].end;
        continue;
      }
      ++depth;
      if (nodes_[i].num_ids > 0) best = ids_[nodes_[i].first_id], length = depth;
      end = nodes_[i].end;
      ++i;
    }
    if (best < 0) return false;
    out.push_back(best);
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace bantam::grammar
