#include "text/grammar/token_table.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text_util.h"
#include "text/byte_alphabet.h"
#include "text/grammar/code_points.h"

namespace bantam::grammar {
namespace {

constexpr std::array<uint8_t, 16> kSliceChars{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 64, 254};

// The beginning of a character in UTF-8, without its end.
bool IsCutChar(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.empty() || at(0) < 0xC2 || at(0) > 0xF4) return false;
  const size_t length = at(0) < 0xE0 ? 2 : at(0) < 0xF0 ? 3 : 4;
  if (bytes.size() >= length) return false;
  const int least = at(0) == 0xE0 ? 0xA0 : at(0) == 0xF0 ? 0x90 : 0x80;
  const int most = at(0) == 0xED ? 0x9F : at(0) == 0xF4 ? 0x8F : 0xBF;
  return (bytes.size() < 2 || (at(1) >= least && at(1) <= most)) && (bytes.size() < 3 || (at(2) & 0xC0) == 0x80);
}

// Of text without what JSON escapes, well-formed but that its last character may be cut; nothing for all else.
std::optional<size_t> OrdinaryChars(std::string_view bytes) {
  size_t chars = 0;
  bool ascii = true;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == '"' || byte == '\\') return std::nullopt;
    chars += (byte & 0xC0) != 0x80 ? 1 : 0;
    ascii &= byte < 0x80;
  }
  if (ascii) return chars;
  const auto invalid = FirstInvalidUtf8(bytes);
  if (invalid && !IsCutChar(bytes.substr(*invalid))) return std::nullopt;
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

void AppendBytesOf(std::string_view text, const Notation& notation, std::string& bytes) {
  if (notation.byte_level) {
    const size_t before = bytes.size();
    for (size_t i = 0; i < text.size();) {
      const auto lead = static_cast<uint8_t>(text[i]);
      const bool two = lead >= 0xC2 && lead < 0xE0 && i + 1 < text.size();  // the alphabet has no longer ones
      const char32_t c = two ? static_cast<char32_t>((lead & 0x1FU) << 6 | (static_cast<uint8_t>(text[i + 1]) & 0x3FU))
                             : static_cast<char32_t>(lead);
      const std::optional<char> byte = two || lead < 0x80 ? text::ByteAlphabet::ByteOf(c) : std::nullopt;
      if (!byte) {  // an added token, as it stands
        bytes.resize(before);
        bytes += text;
        return;
      }
      bytes += *byte;
      i += two ? 2 : 1;
    }
    return;
  }
  if (notation.byte_fallback) {
    if (const std::optional<std::string> byte = FallbackByte(text)) {
      bytes += *byte;
      return;
    }
  }
  constexpr std::string_view kMark = "\xE2\x96\x81";
  while (notation.metaspace) {
    const size_t mark = text.find(kMark);
    if (mark == std::string_view::npos) break;
    bytes += text.substr(0, mark);
    bytes += ' ';
    text.remove_prefix(mark + kMark.size());
  }
  bytes += text;
}

// Control tokens are what a decoder leaves out when it is asked to. To ask for many at once is much faster: where
// nothing is left out, none of them is one.
void FindControls(const Tokenizer& tokenizer, std::span<const int32_t> ids, std::vector<bool>& controls) {
  const std::string without = tokenizer.Decode(ids, {.skip_special_tokens = true});
  const std::string with = tokenizer.Decode(ids, {.skip_special_tokens = false});
  if (ids.size() == 1) {
    controls[static_cast<size_t>(ids[0])] = without.empty() && !with.empty();
  } else if (without != with) {
    FindControls(tokenizer, ids.first(ids.size() / 2), controls);
    FindControls(tokenizer, ids.subspan(ids.size() / 2), controls);
  }
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
  const auto size = static_cast<size_t>(std::max(0, tokenizer.vocab_size()));
  std::vector<bool> controls(size);
  constexpr size_t kAtOnce = 512;
  std::vector<int32_t> ids;
  for (size_t id = 0; id < size; id += kAtOnce) {
    ids.resize(std::min(kAtOnce, size - id));
    std::iota(ids.begin(), ids.end(), static_cast<int32_t>(id));
    FindControls(tokenizer, ids, controls);
  }
  auto table = std::make_shared<TokenTable>();
  for (size_t id = 0; id < size; ++id) {
    const std::string_view text = tokenizer.TokenText(static_cast<int32_t>(id));
    if (std::ranges::find(markers, static_cast<int32_t>(id)) != markers.end()) {
      table->bytes_ += text;
    } else if (!controls[id]) {
      AppendBytesOf(text, notation, table->bytes_);
    }
    table->EndToken();
  }
  table->Build();
  table->tokenizer_ = &tokenizer;
  table->markers_.assign(markers.begin(), markers.end());
  return std::shared_ptr<const TokenTable>(std::move(table));
}

std::shared_ptr<const TokenTable> TokenTable::FromBytes(const std::vector<std::string>& tokens) {
  auto table = std::make_shared<TokenTable>();
  for (const std::string& token : tokens) {
    table->bytes_ += token;
    table->EndToken();
  }
  table->Build();
  return table;
}

// A trie's node counts 16 bits of depth; no token that a text can be made of comes near.
void TokenTable::EndToken() {
  if (bytes_.size() - ends_.back() > 0xFFFF) bytes_.resize(ends_.back());
  ends_.push_back(static_cast<uint32_t>(bytes_.size()));
}

void TokenTable::Build() {
  const std::vector<int32_t> ids = SortedIds();
  const size_t words = (static_cast<size_t>(size()) + 31) / 32;
  for (const uint8_t chars : kSliceChars) slices_.push_back({.max_chars = chars, .bits = std::vector<uint32_t>(words)});
  std::vector<uint8_t> chars_of(static_cast<size_t>(size()), kNoChars);
  std::vector<int32_t> rest;
  for (const int32_t each : ids) {
    max_bytes_ = std::max(max_bytes_, BytesOf(each).size());
    const auto id = static_cast<uint32_t>(each);
    const std::optional<size_t> chars = OrdinaryChars(BytesOf(each));
    if (!chars || *chars > kShortChars) rest.push_back(each);
    if (!chars || *chars > kSliceChars.back()) continue;
    chars_of[id] = static_cast<uint8_t>(*chars);
    const auto slice = std::ranges::lower_bound(kSliceChars, chars_of[id]) - kSliceChars.begin();
    slices_[static_cast<size_t>(slice)].bits[id / 32] |= 1U << id % 32;
  }
  for (size_t k = 1; k < slices_.size(); ++k) {  // each holds the ones before
    for (size_t i = 0; i < words; ++i) slices_[k].bits[i] |= slices_[k - 1].bits[i];
  }
  all_ = TrieOf(ids, chars_of);
  rest_ = TrieOf(std::move(rest), chars_of);
}

// By their bytes, then by id. Most differ within the first eight bytes, which are compared as one number.
std::vector<int32_t> TokenTable::SortedIds() const {
  struct Entry {
    uint64_t first;
    int32_t id;
  };
  std::vector<Entry> entries;
  entries.reserve(ends_.size());
  for (int32_t id = 0; id < size(); ++id) {
    const std::string_view bytes = BytesOf(id);
    if (bytes.empty()) continue;
    uint64_t first = 0;
    for (size_t i = 0; i < 8; ++i) first = first << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0);
    entries.push_back({first, id});
  }
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    if (a.first != b.first) return a.first < b.first;
    const int order = BytesOf(a.id).compare(BytesOf(b.id));
    return order != 0 ? order < 0 : a.id < b.id;
  });
  std::vector<int32_t> ids;
  ids.reserve(entries.size());
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

TokenTable::Trie TokenTable::TrieOf(std::vector<int32_t> ids, const std::vector<uint8_t>& chars_of) const {
  Trie trie{.nodes = {}, .ids = std::move(ids)};
  std::vector<Node>& nodes = trie.nodes;
  nodes.reserve(trie.ids.size() * 2);
  std::vector<uint32_t> path;  // nodes of the last token
  std::string_view last;
  for (uint32_t i = 0; i < trie.ids.size(); ++i) {
    const std::string_view bytes = BytesOf(trie.ids[i]);
    size_t common = 0;
    while (common < last.size() && common < bytes.size() && last[common] == bytes[common]) ++common;
    for (; path.size() > common; path.pop_back()) nodes[path.back()].end = static_cast<uint32_t>(nodes.size());
    for (size_t k = common; k < bytes.size(); ++k) {
      path.push_back(static_cast<uint32_t>(nodes.size()));
      nodes.push_back({.first_id = i, .depth = static_cast<uint16_t>(k + 1), .byte = static_cast<uint8_t>(bytes[k])});
    }
    Node& node = nodes[path.back()];
    ++node.num_ids;
    node.chars = std::max(node.chars, chars_of[static_cast<size_t>(trie.ids[i])]);
    last = bytes;
  }
  for (; !path.empty(); path.pop_back()) nodes[path.back()].end = static_cast<uint32_t>(nodes.size());
  // From the back: what follows a node is there before it.
  for (size_t i = nodes.size(); i > 0; --i) {
    Node& node = nodes[i - 1];
    for (uint32_t child = static_cast<uint32_t>(i); child < node.end; child = nodes[child].end)
      node.chars = std::max(node.chars, nodes[child].chars);
  }
  std::vector<uint8_t> before(max_bytes_ + 1);  // characters on the way to each depth
  for (Node& node : nodes) {
    const bool goes_on = (node.byte & 0xC0) == 0x80;
    before[node.depth] = static_cast<uint8_t>(before[node.depth - size_t{1}] + (goes_on ? 0 : 1));
    const bool ordinary = node.chars != kNoChars && !goes_on;
    node.chars_from_here = ordinary ? static_cast<uint8_t>(node.chars - before[node.depth - size_t{1}]) : kNoChars;
  }
  return trie;
}

std::shared_ptr<const TokenTable::LoopBytes> TokenTable::LoopBytesOf(const std::bitset<128>& bytes) const {
  constexpr size_t kKept = 16;
  const std::lock_guard lock(loops_mutex_);
  for (const auto& [known, found] : loops_) {
    if (known == bytes) return found;
  }
  const std::vector<Node>& nodes = all_.nodes;
  LoopBytes most(nodes.size(), kNoChars);
  for (size_t i = nodes.size(); i > 0; --i) {  // what follows a node is there before it
    const Node& node = nodes[i - 1];
    if (node.byte >= bytes.size() || !bytes[node.byte]) continue;
    size_t length = 1;
    for (uint32_t child = static_cast<uint32_t>(i); child < node.end; child = nodes[child].end)
      length = std::max(length, most[child] == kNoChars ? size_t{kNoChars} : most[child] + size_t{1});
    most[i - 1] = static_cast<uint8_t>(std::min<size_t>(length, kNoChars));
  }
  if (loops_.size() == kKept) loops_.pop_front();
  loops_.emplace_back(bytes, std::make_shared<const LoopBytes>(std::move(most)));
  return loops_.back().second;
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
    for (uint32_t i = 0, end = static_cast<uint32_t>(all_.nodes.size()), depth = 0; i < end;) {
      const Node& node = all_.nodes[i];
      if (depth >= bytes.size() || node.byte != static_cast<uint8_t>(bytes[depth])) {
        i = node.end;
        continue;
      }
      ++depth;
      if (node.num_ids > 0) best = all_.ids[node.first_id], length = depth;
      end = node.end;
      ++i;
    }
    if (best < 0) return false;
    out.push_back(best);
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace bantam::grammar
