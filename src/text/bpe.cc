// The BPE model: a word begins as its characters, and of all neighbours that may merge those of the lowest rank do, the
// leftmost first, until none may. A heap finds them, so that a word of a million characters costs n log n.
//
// The reference checks an entry of its heap only by the token it would make. Where a token can be made in two ways, an
// outdated entry may then merge what its rank was not meant for. That decides tokens, so it is done here too.
#include <algorithm>
#include <random>

#include "text/byte_alphabet.h"
#include "text/part_makers.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

// From two neighbours to what they merge to: open addressing, with a random seed so that no file can make it collide.
class MergeTable {
 public:
  struct Merge {
    uint64_t pair = 0;
    uint32_t rank = 0;
    int32_t merged = -1;  // -1: the slot is free
  };

  void Create(size_t count) {
    size_t slots = 2;
    while (slots < 2 * count + 1) slots *= 2;
    slots_.assign(slots, Merge());
    std::random_device random;
    seed_ = (uint64_t{random()} << 32 | random()) | 1;
  }
  void Prefetch(int32_t left, int32_t right) const {
    __builtin_prefetch(&slots_[HashOf(PairOf(left, right)) & (slots_.size() - 1)]);
  }
  // The last one for a pair counts, as in the reference.
  void Put(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
    const uint64_t pair = PairOf(left, right);
    slots_[SlotOf(pair)] = {pair, rank, merged};
  }
  // Null when the two do not merge.
  const Merge* Find(int32_t left, int32_t right) const {
    const Merge& slot = slots_[SlotOf(PairOf(left, right))];
    return slot.merged < 0 ? nullptr : &slot;
  }

 private:
  static uint64_t PairOf(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t HashOf(uint64_t pair) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(pair ^ seed_) * 0x9E3779B97F4A7C15U;
    return static_cast<size_t>(static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64));
  }
  size_t SlotOf(uint64_t pair) const {
    size_t slot = HashOf(pair);
    for (slot &= slots_.size() - 1; slots_[slot].merged >= 0 && slots_[slot].pair != pair;) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
  }
  std::vector<Merge> slots_;
  uint64_t seed_ = 0;
};

struct Options {
  int32_t unknown = -1;  // -1: unknown characters are left out
  std::string continuing_prefix;
  std::string end_suffix;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;  // a word that is a token is not built of its characters
};

struct Symbol {
  int32_t id = 0;
  uint32_t length = 0;  // in bytes of the word; 0: merged into the one before
  int32_t previous = -1;
  int32_t next = -1;
};

struct Candidate {
  uint64_t order = 0;  // rank, then position
  int32_t merged = 0;
  bool operator<(const Candidate& other) const { return order > other.order; }  // for a heap with the least on top
};

struct Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::string spelled;
};

Scratch& ThisThread() {
  static thread_local Scratch scratch;
  return scratch;
}

class Bpe final : public Model {
 public:
  Bpe(Vocabulary vocabulary, Options options) : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
    special_.resize(static_cast<size_t>(vocabulary_.end_id()), false);
    for (size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.IdOf(fmt::format("<0x{:02X}>", byte));
    char bytes[4];
    for (char32_t c = 1; c < kDirect; ++c) direct_ids_[c] = vocabulary_.IdOf({bytes, EncodeUtf8(c, bytes)});
    direct_ids_[0] = vocabulary_.IdOf(std::string_view("\0", 1));
    plain_ = options_.continuing_prefix.empty() && options_.end_suffix.empty();
  }

  Status SetMerges(const JsonPart& config, const MergeList& merges, const std::vector<RankedMerge>& ranked) {
    merges_.Create(merges.size() + ranked.size());
    for (const RankedMerge& merge : ranked) merges_.Put(merge.left, merge.right, merge.rank, merge.merged);
    constexpr size_t kBatch = 64;  // whose memory is asked for at once
    std::array<std::string, kBatch> spelled;
    std::array<std::string_view, 3 * kBatch> tokens;  // left, right and merged of each
    std::array<int32_t, 3 * kBatch> ids;
    for (size_t first = 0; first < merges.size(); first += kBatch) {
      const size_t count = std::min(kBatch, merges.size() - first);
      for (size_t i = 0; i < count; ++i) {
        const auto [left, right] = merges[first + i];
        if (right.size() < options_.continuing_prefix.size()) {
          return config.Wrong(
              ErrorCode::kCorrupt, fmt::format("/merges/{}", first + i),
              fmt::format("has {}, which is shorter than the prefix of continuing tokens", QuoteForError(right)));
        }
        spelled[i] = left;
        spelled[i] += right.substr(options_.continuing_prefix.size());
        tokens[3 * i] = left, tokens[3 * i + 1] = right, tokens[3 * i + 2] = spelled[i];
      }
      vocabulary_.IdsOf(std::span(tokens).first(3 * count), ids);
      for (size_t i = 0; i < 3 * count; ++i) {
        if (ids[i] >= 0) continue;
        return config.Wrong(ErrorCode::kCorrupt, fmt::format("/merges/{}", first + i / 3),
                            fmt::format("needs the token {}, which is not in /model/vocab", QuoteForError(tokens[i])));
      }
      for (size_t i = 0; i < count; ++i) merges_.Prefetch(ids[3 * i], ids[3 * i + 1]);
      for (size_t i = 0; i < count; ++i) {
        merges_.Put(ids[3 * i], ids[3 * i + 1], static_cast<uint32_t>(first + i), ids[3 * i + 2]);
      }
    }
    return Ok();
  }

  void Tokenize(const NormalizedText& text, std::span<const ByteRange> words, bool find_special, TokenSink& sink,
                uint64_t& steps) const override {
    Scratch& scratch = ThisThread();
    for (const ByteRange word : words) {
      sink.BeginWord();
      const std::string_view bytes = text.view().substr(word.begin, word.end - word.begin);
      if (bytes.empty()) continue;
      if (options_.ignore_merges) {
        const int32_t whole = bytes.size() <= Vocabulary::kMaxTokenBytes ? vocabulary_.IdOf(bytes) : -1;
        if (Allowed(whole, find_special)) {
          sink.Add(whole, text, word.begin, word.end);
          steps += bytes.size();
          continue;
        }
      }
      scratch.symbols.clear();
      AddCharacters(bytes, find_special, scratch);
      MergeAll(find_special, scratch, steps);
      uint32_t at = word.begin;
      for (const Symbol& symbol : scratch.symbols) {
        if (symbol.length == 0) continue;
        // Affixes that fell back to bytes have lengths beyond the word.
        const uint32_t end = std::min(at + symbol.length, word.end);
        sink.Add(symbol.id, text, std::min(at, word.end - 1), std::max(end, std::min(at, word.end - 1) + 1));
        at = end;
      }
      steps += bytes.size();
    }
    constexpr size_t kKeep = size_t{64} << 10;  // one long word must not hold its memory for ever
    if (scratch.symbols.capacity() > kKeep) scratch = Scratch();
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void MakeSpecial(std::string_view token) override {
    const int32_t id = vocabulary_.IdOf(token);
    if (id >= 0) special_[static_cast<size_t>(id)] = true;
  }
  std::string_view kind() const override { return "BPE"; }

 private:
  static constexpr char32_t kDirect = 0x180;

  bool Allowed(int32_t id, bool find_special) const {
    return id >= 0 && (find_special || !special_[static_cast<size_t>(id)]);
  }

  static void Add(int32_t id, size_t length, std::vector<Symbol>& symbols) {
    const auto index = static_cast<int32_t>(symbols.size());
    if (index > 0) symbols.back().next = index;
    symbols.push_back({id, static_cast<uint32_t>(length), index - 1, -1});
  }

  int32_t IdOfCharacter(std::string_view word, size_t at, const Decoded& c, Scratch& scratch) const {
    if (plain_) {
      return c.code_point < kDirect ? direct_ids_[c.code_point] : vocabulary_.IdOf(word.substr(at, c.length));
    }
    Spell(word, at, c.length, scratch.spelled);
    return vocabulary_.IdOf(scratch.spelled);
  }

  // The character with what a word's inside and its end are marked with.
  void Spell(std::string_view word, size_t at, size_t length, std::string& out) const {
    out.clear();
    if (at > 0) out += options_.continuing_prefix;
    out += word.substr(at, length);
    if (at + length == word.size()) out += options_.end_suffix;
  }

  void AddCharacters(std::string_view word, bool find_special, Scratch& scratch) const {
    std::vector<Symbol>& symbols = scratch.symbols;
    size_t unknown_length = 0;  // of unknown characters that are not in `symbols` yet
    const auto flush = [&] {
      if (unknown_length > 0) Add(options_.unknown, std::exchange(unknown_length, 0), symbols);
    };
    for (size_t at = 0; at < word.size();) {
      const Decoded c = DecodeUtf8(word.data() + at);
      const int32_t id = IdOfCharacter(word, at, c, scratch);
      if (Allowed(id, find_special)) {
        flush();
        Add(id, c.length, symbols);
      } else if (!(options_.byte_fallback && AddBytes(word, at, c.length, scratch)) && options_.unknown >= 0) {
        if (!options_.fuse_unknown) flush();
        unknown_length += c.length;
      }
      at += c.length;
    }
    flush();
  }

  // The tokens of the bytes, if the vocabulary has all of them. As in the reference, unknown characters before them
  // that wait to be fused stay where they are: behind.
  bool AddBytes(std::string_view word, size_t at, size_t length, Scratch& scratch) const {
    Spell(word, at, length, scratch.spelled);
    for (const char byte : scratch.spelled) {
      if (byte_ids_[static_cast<unsigned char>(byte)] < 0) return false;
    }
    for (const char byte : scratch.spelled) Add(byte_ids_[static_cast<unsigned char>(byte)], 1, scratch.symbols);
    return true;
  }

  void MergeAll(bool find_special, Scratch& scratch, uint64_t& steps) const {
    std::vector<Symbol>& symbols = scratch.symbols;
    std::vector<Candidate>& heap = scratch.heap;
    heap.clear();
    const auto candidate = [&](int32_t left, int32_t right) -> Candidate {
      const MergeTable::Merge* merge =
          merges_.Find(symbols[static_cast<size_t>(left)].id, symbols[static_cast<size_t>(right)].id);
      if (merge == nullptr || !Allowed(merge->merged, find_special)) return {0, -1};
      return {uint64_t{merge->rank} << 32 | static_cast<uint32_t>(left), merge->merged};
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Candidate next = candidate(static_cast<int32_t>(i), static_cast<int32_t>(i + 1));
      if (next.merged >= 0) heap.push_back(next);
    }
    std::make_heap(heap.begin(), heap.end());
    steps += heap.size();
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end());
      const Candidate top = heap.back();
      heap.pop_back();
      const auto position = static_cast<int32_t>(top.order & UINT32_MAX);
      Symbol& left = symbols[static_cast<size_t>(position)];
      if (left.length == 0 || left.next < 0) continue;
      Symbol& right = symbols[static_cast<size_t>(left.next)];
      const MergeTable::Merge* merge = merges_.Find(left.id, right.id);
      if (merge == nullptr || merge->merged != top.merged) continue;
      left.id = top.merged;
      left.length += right.length;
      left.next = right.next;
      right.length = 0;
      if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = position;
      const auto consider = [&](int32_t a, int32_t b) {
        if (a < 0 || b < 0) return;
        const Candidate next = candidate(a, b);
        if (next.merged < 0) return;
        heap.push_back(next);
        std::push_heap(heap.begin(), heap.end());
        ++steps;
      };
      consider(left.previous, position);
      consider(position, left.next);
    }
  }

  Vocabulary vocabulary_;
  Options options_;
  MergeTable merges_;
  std::vector<bool> special_;
  std::array<int32_t, 256> byte_ids_{};
  std::array<int32_t, kDirect> direct_ids_{};
  bool plain_ = true;
};

// An absent member, JSON null and "" are the same.
Result<std::string> StringOrNone(const JsonPart& config, std::string_view key) {
  if (config.Member(key).IsNull()) return std::string();
  BANTAM_TRY(std::string text, config.String(key));
  if (text.size() > kMostInsertedBytes) {
    return config.Wrong(ErrorCode::kTooLarge, PointerTo("", key),
                        fmt::format("has more than {} bytes", kMostInsertedBytes));
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<Model>> MakeBpe(const JsonPart& config, ModelTables tables) {
  BANTAM_RETURN_IF_ERROR(
      config.CheckMembers({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                           "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}));
  BANTAM_RETURN_IF_ERROR(config.Member("vocab").CheckObject());
  BANTAM_RETURN_IF_ERROR(config.Member("merges").CheckArray());
  if (const JsonPart dropout = config.Member("dropout"); !dropout.IsNull() && !dropout.IsNumber(0)) {
    return config.Wrong(ErrorCode::kUnsupported, "/dropout",
                        "is not 0: tokens drawn by chance are for training, set it to null");
  }
  Options options;
  BANTAM_TRY(options.continuing_prefix, StringOrNone(config, "continuing_subword_prefix"));
  BANTAM_TRY(options.end_suffix, StringOrNone(config, "end_of_word_suffix"));
  BANTAM_TRY(const std::optional<bool> fuse_unknown, config.BoolOrNull("fuse_unk"));
  BANTAM_TRY(const std::optional<bool> byte_fallback, config.BoolOrNull("byte_fallback"));
  BANTAM_TRY(const std::optional<bool> ignore_merges, config.BoolOrNull("ignore_merges"));
  options.fuse_unknown = fuse_unknown.value_or(false);
  options.byte_fallback = byte_fallback.value_or(false);
  options.ignore_merges = ignore_merges.value_or(false);
  if (Status finished = tables.vocabulary.Finish(""); !finished) {
    return config.Wrong(finished.error().code, "/vocab" + finished.error().message, "");
  }
  if (!config.Member("unk_token").IsNull()) {
    BANTAM_TRY(const std::string unknown, config.String("unk_token"));
    options.unknown = tables.vocabulary.IdOf(unknown);
    if (options.unknown < 0) {
      return config.Wrong(ErrorCode::kCorrupt, "/unk_token",
                          fmt::format("is {}, which is not in /model/vocab", QuoteForError(unknown)));
    }
  }
  auto made = std::make_unique<Bpe>(std::move(tables.vocabulary), std::move(options));
  BANTAM_RETURN_IF_ERROR(made->SetMerges(config, tables.merges, tables.ranked_merges));
  return std::unique_ptr<Model>(std::move(made));
}

}  // namespace bantam::text
