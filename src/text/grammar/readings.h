// What of a grammar may come next, for all texts that have been begun: sets of readings, each a state with the rules
// that were left open around it, found when first wanted and kept. A set with its steps is then a state of one big
// automaton that reads a byte in one look-up.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "text/grammar/grammar.h"
#include "text/grammar/token_table.h"

namespace bantam::grammar {

// Any thread, with `mutex` held.
class Readings {
 public:
  using SetId = uint32_t;  // kDead: no reading is left

  Readings(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTable> tokens);

  SetId start() const { return start_; }
  SetId Step(SetId set, uint8_t byte) { return StepClass(set, grammar_->classes().of[byte]); }
  bool CanEnd(SetId set) const { return sets_[set].can_end; }
  bool IsDone(SetId set) const { return sets_[set].readings.empty(); }  // nothing may follow
  // The byte that must follow, or -1.
  int ForcedByte(SetId set);
  // allowed: [at least tokens / 32 words], all of it is written. False: no token.
  bool Mask(SetId set, std::span<uint32_t> allowed);
  // The same found by trying every token, which takes longer: what Mask is compared with.
  bool MaskByTrying(SetId set, std::span<uint32_t> allowed);

  // A set of another cache for the same grammar.
  SetId Import(const Readings& other, SetId set);
  size_t size_bytes() const { return size_bytes_; }
  size_t num_sets() const { return sets_.size(); }

  std::mutex mutex;

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX - 1;
  struct Reading {
    uint32_t state = 0;
    uint32_t stack = 0;
    uint64_t key() const { return uint64_t{state} << 32 | stack; }
  };
  // What is open around a rule. What is counted has a node for each count.
  struct StackNode {
    uint32_t parent = 0;
    uint32_t target = 0;  // the state to go on from, or the number of a call that is counted
    uint32_t done = 0;    // times that were read before; as far as it matters
    uint32_t depth = 0;
    bool counted = false;
    bool operator==(const StackNode&) const = default;
  };
  struct StackHash {
    size_t operator()(const StackNode& node) const;
  };
  // A slice of the token table, and of further tokens, if few, the ids, if many, a bit for each.
  struct Allowed {
    int slice = -1;
    std::vector<uint32_t> ids, bits;
    bool any() const { return slice >= 0 || !ids.empty() || !bits.empty(); }
    size_t size_bytes() const { return (ids.size() + bits.size()) * 4; }
  };
  // What may come next from a state of a rule, whatever is open around it. Sets differ in what is around far more often
  // than in where they are, so most of a set's tokens were found for another one.
  struct Local {
    Allowed allowed;              // within the rule, or to its very end
    std::vector<uint32_t> exits;  // nodes of tokens that go on behind its end
    const TokenTable::Trie* trie = nullptr;
    uint32_t nested = 0;  // at most so many exits on the way to one token
    uint32_t deepest = 0;
  };
  // Of a set: those of its readings' places, and what goes on behind the ends of their rules.
  struct Joined {
    std::vector<const Local*> locals;
    Allowed others;
    bool any = false;
  };
  struct Set {
    std::vector<Reading> readings;  // in the order of their keys
    bool can_end = false;
    bool counts_free = false;  // free_chars are as many by a counter
    uint8_t free_chars = 0;
    int16_t forced = -2;         // -2: not known yet
    uint32_t deepest = 0;        // rules within each other that were looked into
    SetId masked_as = kUnknown;  // the set that has the same mask: counts that are far from their ends are alike
    std::unique_ptr<Joined> allowed;
  };
  // Of each set, what a walk over tokens needs.
  struct Passage {
    bool ends = false, stops = false;
    uint8_t free_chars = 0;
    uint8_t loop = kNoLoop, room = 0;  // so many bytes of a loop of the grammar may follow
  };
  struct KeyHash {
    size_t operator()(const std::vector<uint64_t>& key) const;
  };

  SetId StepClass(SetId set, size_t byte_class);
  SetId Close(std::vector<Reading>& seeds);
  uint32_t Push(uint32_t parent, uint32_t target, bool counted = false, uint32_t done = 0);
  // What may follow when the rule within `stack` has ended; returns how many of `out` these are.
  size_t Behind(uint32_t stack, std::array<Reading, 2>& out);
  bool IsCovered(const Reading& reading);
  SetId Keep(Set set);
  void FindFree(Set& set) const;
  Passage PassageOf(const Set& set) const;
  // masks.cc
  SetId MaskedAs(SetId set);
  uint32_t WithoutDistance(uint32_t stack);
  Allowed Try(SetId set);
  const Local& LocalOf(uint32_t state);
  // Notes in found_ the tokens beneath these nodes that may follow and are not of the slice. `local`: notes where its
  // rule may end.
  void Walk(SetId from, const TokenTable::Trie& trie, size_t depth, size_t begin, size_t end, int slice, Local* local);
  void WalkAll(SetId from, int slice, Local* local);
  // False: near a limit, where what is open around a rule matters to what is within.
  bool Join(SetId set, Joined& out);
  int SliceOf(SetId set) const;
  const TokenTable::LoopBytes& LoopBytesOf(uint8_t loop);
  void Add(const Allowed& found, std::span<uint32_t> allowed) const;
  Allowed TakeFound(int slice);

  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const TokenTable> tokens_;
  std::vector<Set> sets_;
  std::vector<SetId> next_;  // [sets, byte classes]
  std::vector<Passage> passages_;
  std::unordered_map<uint32_t, std::unique_ptr<Local>> locals_;
  size_t most_readings_ = 0, most_seeds_ = 0;  // of one set, so far
  std::unordered_map<std::vector<uint64_t>, SetId, KeyHash> ids_;
  std::vector<StackNode> stacks_;  // 0: the bottom
  std::unordered_map<StackNode, uint32_t, StackHash> stack_ids_;
  SetId start_ = 0;
  size_t size_bytes_ = 0;
  std::vector<Reading> seeds_;
  std::vector<StackNode> begun_;  // iterations, while a set is closed
  std::vector<SetId> path_;
  std::vector<uint32_t> nested_;
  std::vector<int32_t> found_;                                            // ids
  std::vector<std::shared_ptr<const TokenTable::LoopBytes>> loop_bytes_;  // of the grammar's loops, once wanted
};

}  // namespace bantam::grammar
