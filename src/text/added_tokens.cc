#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace bantam::text {
namespace {

bool IsSpace(const Decoded& c) { return (ClassOf(c.code_point).flags & kSpace) != 0; }
bool IsWordCharacter(const Decoded& c) { return (ClassOf(c.code_point).flags & kWordCharacter) != 0; }

bool StandsAlone(std::string_view text, size_t begin, size_t end) {
  const char* p = text.data();
  if (begin > 0 && IsWordCharacter(DecodeUtf8Before(p, p + begin))) return false;
  return end == text.size() || !IsWordCharacter(DecodeUtf8(p + end));
}

// Where the white space that ends at `end` begins, not before `stop`.
size_t SpaceBefore(std::string_view text, size_t end, size_t stop) {
  while (end > stop) {
    const Decoded c = DecodeUtf8Before(text.data(), text.data() + end);
    if (!IsSpace(c)) break;
    end -= c.length;
  }
  return end;
}

size_t SpaceAfter(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Decoded c = DecodeUtf8(text.data() + at);
    if (!IsSpace(c)) break;
    at += c.length;
  }
  return at;
}

}  // namespace

uint32_t PatternTrie::Child(uint32_t node, char byte, uint64_t& steps) const {
  ++steps;
  if (node == 0) return roots_[static_cast<unsigned char>(byte)];
  uint32_t child = nodes_[node].first_child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].next_sibling, ++steps;
  return child;
}

bool PatternTrie::Add(std::string_view pattern, int32_t value) {
  uint64_t unused = 0;
  uint32_t node = 0;
  for (const char byte : pattern) {
    uint32_t child = Child(node, byte, unused);
    if (child == 0) {
      child = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({-1, 0, nodes_[node].first_child, byte});
      nodes_[node].first_child = child;
      if (node == 0) roots_[static_cast<unsigned char>(byte)] = child;
    }
    node = child;
  }
  if (nodes_[node].value >= 0) return false;
  nodes_[node].value = value;
  return true;
}

PatternTrie::Match PatternTrie::LongestAt(std::string_view text, size_t at, uint64_t& steps) const {
  Match match;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    node = Child(node, text[i], steps);
    if (node == 0) break;
    if (nodes_[node].value >= 0) match = {nodes_[node].value, i + 1 - at};
  }
  return match;
}

size_t PatternTrie::NextStart(std::string_view text, size_t at) const {
  const uint32_t first = nodes_[0].first_child;
  if (nodes_[first].next_sibling == 0) {  // all patterns begin alike, with '[' mostly
    return std::min(text.find(nodes_[first].byte, at), text.size());
  }
  while (at < text.size() && roots_[static_cast<unsigned char>(text[at])] == 0) ++at;
  return at;
}

Result<AddedTokens> AddedTokens::Create(std::vector<AddedToken> tokens, Model& model, const Normalizer* normalizer,
                                        const JsonPart& config) {
  const Vocabulary& vocabulary = model.vocabulary();
  AddedTokens out;
  // The reference does not read the ids: it numbers tokens that the model lacks from the size of the vocabulary on.
  auto next = static_cast<int32_t>(vocabulary.size());
  NormalizedText normalized;
  uint64_t unused = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const AddedToken& token = tokens[i];
    const auto wrong = [&](std::string_view member, std::string what) {
      return config.Wrong(ErrorCode::kCorrupt, fmt::format("/{}/{}", i, member), what);
    };
    if (!out.by_content_.emplace(token.content, i).second) {
      return wrong("content", fmt::format("is {}, as in an added token before it", QuoteForError(token.content)));
    }
    const int32_t in_model = vocabulary.IdOf(token.content);
    if (in_model >= 0 && token.id != in_model) {
      return wrong("id", fmt::format("is {}, but /model/vocab gives {} the id {}", token.id,
                                     QuoteForError(token.content), in_model));
    }
    if (in_model < 0 && token.id != next) {
      return wrong("id", fmt::format("is {}, but {} is not in /model/vocab and the next free id is {}", token.id,
                                     QuoteForError(token.content), next));
    }
    if (in_model < 0 && (!vocabulary.TextOf(token.id).empty() || !out.by_id_.emplace(token.id, i).second)) {
      return wrong("id", fmt::format("is {}, which another token has already", token.id));
    }
    if (in_model < 0) ++next;
    out.by_id_.emplace(token.id, i);
    if (token.special) model.MakeSpecial(token.content);
    out.end_id_ = std::max(out.end_id_, token.id + 1);

    std::string_view pattern = token.content;
    if (token.normalized && normalizer != nullptr) {
      normalizer->Apply({token.content}, false, normalized, unused);
      pattern = normalized.view();
      // The reference would then find it between any two bytes, and fail inside a character.
      if (pattern.empty()) {
        return wrong("content",
                     fmt::format("is {}, of which the normalizer leaves nothing", QuoteForError(token.content)));
      }
    }
    out.decoded_.emplace_back(pattern);
    Search& search = token.normalized ? out.normalized_ : out.raw_;
    if (!search.trie.Add(pattern, static_cast<int32_t>(i))) {
      return wrong("content", fmt::format("is {}, which normalises to the same text as an added token before it",
                                          QuoteForError(token.content)));
    }
    search.all_special &= token.special;
    search.any_special |= token.special;
  }
  out.tokens_ = std::move(tokens);
  return out;
}

bool AddedTokens::Any(bool in_normalized, bool find_special) const {
  const Search& search = in_normalized ? normalized_ : raw_;
  return !search.trie.empty() && (find_special || !search.all_special);
}

void AddedTokens::Find(std::string_view text, bool in_normalized, const Trust& trust, std::vector<Stretch>& out,
                       uint64_t& steps) const {
  const PatternTrie& trie = in_normalized ? normalized_.trie : raw_.trie;
  const auto put = [&out](size_t begin, size_t end, int32_t id) {
    out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end), id});
  };
  size_t done = 0;          // the text before this is in `out`
  size_t spaces_known = 0;  // all from the last `rstrip` to here is white space: not looked at again
  steps += text.size();
  for (size_t at = 0; (at = trie.NextStart(text, at)) < text.size();) {
    PatternTrie::Match match = trie.LongestAt(text, at, steps);
    if (match.length == 0) {
      ++at;
      continue;
    }
    size_t begin = at;
    if (IsSpecialAt(match) && !trust.Covers(begin, begin + match.length)) {
      // One that reaches from trusted text into a user's: what the trusted part alone holds, if anything.
      const size_t trusted = trust.EndFrom(begin);
      const size_t skipped = trusted > begin ? 1 : match.length;
      match = trusted > begin ? trie.LongestAt(text.substr(0, trusted), begin, steps) : PatternTrie::Match{};
      if (match.length == 0) {
        at = begin + skipped;
        continue;
      }
    }
    const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
    size_t end = at + match.length;
    at = end;
    if (token.single_word && !StandsAlone(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(SpaceBefore(text, begin, done), done);
    if (token.rstrip) {
      const size_t from = std::max(end, std::min(spaces_known, text.size()));
      spaces_known = SpaceAfter(text, from);
      steps += spaces_known - from;
      end = spaces_known;
    }
    if (begin > end) continue;  // the reference fails here
    if (done < begin) put(done, begin, -1);
    put(begin, end, token.id);
    done = end;
  }
  if (done < text.size()) put(done, text.size(), -1);
}

size_t Trust::EndFrom(size_t at) const {
  if (at >= end_) return at;
  const auto next = std::upper_bound(untrusted_.begin(), untrusted_.end(), at,
                                     [](size_t place, const UntrustedBytes& range) { return place < range.end; });
  return next == untrusted_.end() ? end_ : std::max(at, std::min(next->begin, end_));
}

void Trust::CutAtBorders(std::vector<Stretch>& stretches) const {
  if (untrusted_.empty()) return;
  std::vector<Stretch> out;
  for (const Stretch& stretch : stretches) {
    Stretch rest = stretch;
    for (const UntrustedBytes& range : untrusted_) {
      for (const size_t border : {range.begin, range.end}) {
        if (rest.id >= 0 || border <= rest.begin || border >= rest.end) continue;
        out.push_back({rest.begin, static_cast<uint32_t>(border), -1});
        rest.begin = static_cast<uint32_t>(border);
      }
    }
    out.push_back(rest);
  }
  stretches = std::move(out);
}

int32_t AddedTokens::IdOf(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? -1 : tokens_[found->second].id;
}

std::string_view AddedTokens::ContentOf(int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::string_view() : tokens_[found->second].content;
}

std::string_view AddedTokens::DecodedOf(int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::string_view() : decoded_[found->second];
}

bool AddedTokens::IsSpecial(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found != by_content_.end() && tokens_[found->second].special;
}

}  // namespace bantam::text
