// How many tokens it pays to draft. A step that verifies drafts computes more rows, and gives more tokens if they are
// right: what a row costs is measured in the steps that are made, how often drafts are right in each text.
//
//   std::vector<DraftOffer> offers = ...;        // one for each text that has something to draft from
//   PlanDrafts(offers, costs, {.rows = 3, .texts = 3});
//   // offers[i].granted tokens of each
//
// Whatever is drafted, the text is the same: these numbers decide about time alone.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace bantam {

struct SpeculationOptions {
  bool lookup = true;  // drafts from prompt and text
  int max_draft = 15;  // tokens of one text in a step
  // Above 0: always so many, whether they pay or not. For tests and measurements.
  int fixed_draft = 0;
};

// Where a draft comes from: of a repeat, by how many tokens are alike.
enum class DraftSource : uint8_t { kRepeat2, kRepeat3, kRepeat5, kRepeat9, kModel, kNone };
inline constexpr size_t kNumDraftSources = 5;
DraftSource RepeatSource(int matched);

// How often a drafted token is right, given that those before it were.
class Acceptance {
 public:
  // `accepted` of `drafted` tokens were right.
  void Count(int drafted, int accepted, double keep);
  // With `prior` as if it were so many observations.
  double Rate(double prior, double weight) const { return (right_ + prior * weight) / (seen_ + weight); }

 private:
  double right_ = 0, seen_ = 0;
};

// What texts of one engine teach: of a new text it is taken that it is like those before.
struct AcceptanceBook {
  std::array<Acceptance, kNumDraftSources> sources;
  double Rate(DraftSource source) const;
  void Count(DraftSource source, int drafted, int accepted);
};

// One text's: what it does itself, with the book's as a beginning, and when it tries again what did not pay.
class DraftHistory {
 public:
  double Rate(DraftSource source, const AcceptanceBook& book) const;
  // Whether a draft that seems not to pay is made for once: now and then, and more seldom each time that it is wrong.
  bool Probes(DraftSource source) const {
    return tries_[static_cast<size_t>(source)].waited >= tries_[static_cast<size_t>(source)].patience;
  }
  void Declined(DraftSource source) { ++tries_[static_cast<size_t>(source)].waited; }
  void Count(DraftSource source, int drafted, int accepted, bool probe);

 private:
  struct Try {
    int waited = 0, patience = kPatience;
  };
  static constexpr int kPatience = 8, kMostPatience = 256;
  std::array<Acceptance, kNumDraftSources> sources_;
  std::array<Try, kNumDraftSources> tries_;
};

// Milliseconds of a step by its number of rows, as far as that was seen.
class StepCosts {
 public:
  static constexpr int kMostRows = 64;  // beyond, the processor has enough to do without guesses
  void Observe(int rows, double ms);
  bool Known(int rows) const;
  // Of a number that was not seen: between those that were, or going on as they do.
  double Milliseconds(int rows) const;

 private:
  struct Cell {
    double ms = 0;
    int count = 0;
  };
  std::array<Cell, kMostRows + 1> cells_;
};

struct DraftOffer {
  double acceptance = 0;
  int length = 0;      // most that can be drafted
  bool probe = false;  // draft one if it does not seem to pay, too
  double pass_ms = 0;  // what each token of it costs before: a pass of the draft model, all texts together
  int granted = 0;     // the answer
};
struct DraftStep {
  int rows = 0;    // of the step without drafts
  int texts = 0;   // whose next token it gives
  int budget = 0;  // rows that it may have more
};

// The most tokens a millisecond that drafts of one text alone can give; 0 where nothing is known yet.
double BestRate(const DraftOffer& offer, const StepCosts& costs, const DraftStep& step);

// Sets `granted`, and clears `probe` where that is no probe: the lengths with the most tokens a millisecond; all 0
// unless that is a few percent more than without.
void PlanDrafts(std::span<DraftOffer> offers, const StepCosts& costs, const DraftStep& step);

}  // namespace bantam
