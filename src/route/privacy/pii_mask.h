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
#include <memory>
#include <set>
#include <string>

#include "base/json.h"
#include "route/forms/entity_finder.h"
#include "route/privacy/pii.h"

namespace bantam {

enum class PiiMode : uint8_t { kOff, kOn, kMaskOnly };  // mask only: the answer keeps the placeholder

// Names of people, by a token classification model.
struct PersonRule {
  std::string model;
  int line = 0, column = 0;              // where the file names it, for messages
  std::vector<std::string> labels = {};  // as the model calls people; empty: "PER" and "PERSON", as it has them
  double min_score = 0.5;
  std::shared_ptr<const EntityFinder> finder = {};  // loaded by LoadEntityModels
};

struct PiiRule {
  std::array<PiiMode, kNumPiiTypes> modes;  // by PiiType
  bool reversible = true;                   // false: every type is masked only
  std::set<std::string> models;             // model_names that get masked texts; empty: all of them

  PersonRule person;  // who finds names; without a model PERSON is off

  PiiRule() {
    modes.fill(PiiMode::kOn);
    modes[static_cast<size_t>(PiiType::kPerson)] = PiiMode::kOff;
  }
  bool Masks(const std::string& model) const { return models.empty() || models.contains(model); }
};

// Of one conversation; one thread.
class PiiMask {
 public:
  explicit PiiMask(const PiiRule& rule) : rule_(rule) {}

  // Not Ok: the model for names failed on a text, and its masked form is empty. Nothing of this conversation may leave.
  const Status& status() const { return status_; }

  // Placeholders that occur in the text are given to nothing else. To be called for all texts before any Mask.
  void Reserve(std::string_view text);
  std::string Mask(std::string_view text);
  // The same for every string value in a document, keys excepted.
  void Mask(json::value& value);
  std::string Restore(std::string_view text) const;

 private:
  friend class PiiRestorer;
  std::string Placeholder(PiiType type, std::string_view value);
  Result<std::vector<PiiSpan>> FindNames(std::string_view text) const;

  const PiiRule& rule_;
  std::map<std::pair<PiiType, std::string>, std::string> placeholders_;  // by value
  std::map<std::string, std::string, std::less<>> values_;               // by placeholder; those that are put back
  std::set<std::string, std::less<>> reserved_;
  std::array<int, kNumPiiTypes> last_number_{};
  Status status_ = Ok();
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
