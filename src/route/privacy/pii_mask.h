// Takes what names or unlocks a person out of texts that leave, and puts it back into the answers.
//
//   PiiMask mask(rule);
//   mask.Reserve(all);                        // every text first: "<EMAIL_1>" that somebody wrote stays what it is
//   send(mask.Mask("I am ann@example.org"));  // "I am <EMAIL_1>"
//   mask.Restore("Dear <EMAIL_1>, ...");      // "Dear ann@example.org, ..."
//
// The same value gets the same placeholder, numbered in the order of first appearance, so that a conversation that is
// sent again and again, a message longer each time, reads the same each time.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "route/privacy/pii.h"

namespace bantam {

enum class PiiMode : uint8_t { kOff, kOn, kMaskOnly };  // mask only: the answer keeps the placeholder

struct PiiRule {
  std::array<PiiMode, kNumPiiTypes> modes;  // by PiiType
  bool reversible = true;                   // false: every type is masked only
  std::set<std::string> models;             // model_names that get masked texts; empty: all of them

  PiiRule() { modes.fill(PiiMode::kOn); }
  bool Masks(const std::string& model) const { return models.empty() || models.contains(model); }
};

// Of one conversation; one thread.
class PiiMask {
 public:
  explicit PiiMask(const PiiRule& rule) : rule_(rule) {}

  // Placeholders that occur in the text are given to nothing else. To be called for all texts before any Mask.
  void Reserve(std::string_view text);
  std::string Mask(std::string_view text);
  // The same for every string value in a document, keys excepted.
  void Mask(json::value& value);
  std::string Restore(std::string_view text) const;

 private:
  friend class PiiRestorer;
  std::string Placeholder(PiiType type, std::string_view value);

  const PiiRule& rule_;
  std::map<std::pair<PiiType, std::string>, std::string> placeholders_;  // by value
  std::map<std::string, std::string, std::less<>> values_;               // by placeholder; those that are put back
  std::set<std::string, std::less<>> reserved_;
  std::array<int, kNumPiiTypes> last_number_{};
};

// Restore for a text that comes in pieces: a placeholder that is cut between two of them is held back until it is whole
// or is none. The pieces that come out, joined, are Restore of the pieces that went in, joined.
class PiiRestorer {
 public:
  PiiRestorer(const PiiMask& mask, std::function<void(std::string_view piece)> sink)
      : mask_(mask), sink_(std::move(sink)) {}
  void Feed(std::string_view piece);
  void Finish();  // what was held back is no placeholder

 private:
  const PiiMask& mask_;
  std::function<void(std::string_view piece)> sink_;
  std::string held_;  // begins with '<', or is empty
};

}  // namespace bantam
