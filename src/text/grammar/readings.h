// What of a grammar may come next, for all texts that have been begun: sets of readings, each a state with the rules
// that were left open around it, found when first wanted and kept. A set with its steps is then a state of one big
// automaton that reads a byte in one look-up.
#pragma once

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
  struct StackNode {
    uint32_t parent = 0;
    uint32_t state = 0;  // to go on from
    uint32_t depth = 0;
  };
  // Of few tokens the ids, of many a bit for each.
  struct Allowed {
    bool any = false;
    std::vector<uint32_t> ids, bits;
  };
  struct Set {
    std::vector<Reading> readings;  // in the order of their keys
    bool can_end = false;
    uint8_t free_chars = 0;
    int16_t forced = -2;  // -2: not known yet
    std::vector<uint32_t> next;
    std::unique_ptr<Allowed> allowed;
  };
  struct KeyHash {
    size_t operator()(const std::vector<uint64_t>& key) const;
  };

  SetId StepClass(SetId set, size_t byte_class);
  SetId Close(std::vector<Reading>& seeds);
  uint32_t Push(uint32_t stack, uint32_t state);
  Allowed Walk(SetId set);

  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const TokenTable> tokens_;
  std::vector<Set> sets_;
  std::unordered_map<std::vector<uint64_t>, SetId, KeyHash> ids_;
  std::vector<StackNode> stacks_;  // 0: the bottom
  std::unordered_map<uint64_t, uint32_t> stack_ids_;
  SetId start_ = 0;
  size_t size_bytes_ = 0;
  std::vector<Reading> seeds_;
  std::vector<SetId> path_;
};

}  // namespace bantam::grammar
