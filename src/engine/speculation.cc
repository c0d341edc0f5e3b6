#include "engine/speculation.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {
namespace {

// Of drafts nobody has seen the outcome of: longer repeats go on more often.
constexpr std::array<double, kNumDraftSources> kFirstRates = {0.3, 0.4, 0.6, 0.8, 0.6};
constexpr double kBookWeight = 8, kTextWeight = 4;
constexpr double kBookKeep = 0.995, kTextKeep = 0.95;

// Until it was measured, a row more is taken to cost this share of a step.
constexpr double kFirstRowCost = 0.08;
// What drafts must promise: less is lost in what was not counted.
constexpr double kLeastGain = 1.03;

}  // namespace

DraftSource RepeatSource(int matched) {
  if (matched <= 2) return DraftSource::kRepeat2;
  if (matched <= 4) return DraftSource::kRepeat3;
  return matched <= 8 ? DraftSource::kRepeat5 : DraftSource::kRepeat9;
}

void Acceptance::Count(int drafted, int accepted, double keep) {
  right_ = right_ * keep + accepted;
  // What follows a wrong token says nothing.
  seen_ = seen_ * keep + accepted + (accepted < drafted ? 1 : 0);
}

double AcceptanceBook::Rate(DraftSource source) const {
  const auto i = static_cast<size_t>(source);
  return sources[i].Rate(kFirstRates[i], kBookWeight);
}

void AcceptanceBook::Count(DraftSource source, int drafted, int accepted) {
  sources[static_cast<size_t>(source)].Count(drafted, accepted, kBookKeep);
}

double DraftHistory::Rate(DraftSource source, const AcceptanceBook& book) const {
  return sources_[static_cast<size_t>(source)].Rate(book.Rate(source), kTextWeight);
}

void DraftHistory::Count(DraftSource source, int drafted, int accepted, bool probe) {
  sources_[static_cast<size_t>(source)].Count(drafted, accepted, kTextKeep);
  Try& tried = tries_[static_cast<size_t>(source)];
  tried.waited = 0;
  if (accepted == 0) {
    tried.patience = std::min(2 * tried.patience, kMostPatience);
  } else if (!probe) {
    tried.patience = kPatience;
  }  // a probe that was right: it may still cost too much
}

void StepCosts::Observe(int rows, double ms) {
  if (rows < 1 || rows > kMostRows) return;
  Cell& cell = cells_[static_cast<size_t>(rows)];
  ++cell.count;
  // The first ones also make room for themselves. Later one that something else held up is not what a step costs; if it
  // stays so, it is.
  if (cell.count <= 3) {
    cell.ms = cell.count == 1 ? ms : std::min(cell.ms, ms);
  } else {
    cell.ms += (std::min(ms, 1.5 * cell.ms) - cell.ms) / 8;
  }
}

bool StepCosts::Known(int rows) const {
  return rows >= 1 && rows <= kMostRows && cells_[static_cast<size_t>(rows)].count >= 2;
}

double StepCosts::Milliseconds(int rows) const {
  BANTAM_CHECK(rows >= 1 && rows <= kMostRows);
  const auto seen = [&](int at) { return cells_[static_cast<size_t>(at)].count > 0; };
  const auto ms = [&](int at) { return cells_[static_cast<size_t>(at)].ms; };
  if (seen(rows)) return ms(rows);
  int below = rows, above = rows, first = 1;
  while (below > 0 && !seen(below)) --below;
  while (above <= kMostRows && !seen(above)) ++above;
  if (below > 0 && above <= kMostRows) {
    return ms(below) + (ms(above) - ms(below)) * (rows - below) / (above - below);
  }
  if (below == 0) return above <= kMostRows ? ms(above) : 0;
  while (!seen(first)) ++first;
  double slope = ms(first) * kFirstRowCost;
  if (below > first) slope = std::max((ms(below) - ms(first)) / (below - first), ms(first) * kFirstRowCost / 8);
  return ms(below) + slope * (rows - below);
}

double BestRate(const DraftOffer& offer, const StepCosts& costs, const DraftStep& step) {
  if (!costs.Known(step.rows)) return 0;
  const int most = std::min({step.budget, StepCosts::kMostRows - step.rows, offer.length});
  double best = 0, tokens = step.texts, chance = offer.acceptance;
  for (int length = 1; length <= most; ++length) {
    tokens += chance;
    chance *= offer.acceptance;
    best = std::max(best, tokens / (costs.Milliseconds(step.rows + length) + length * offer.pass_ms));
  }
  return best;
}

void PlanDrafts(std::span<DraftOffer> offers, const StepCosts& costs, const DraftStep& step) {
  for (DraftOffer& offer : offers) offer.granted = 0;
  if (!costs.Known(step.rows)) return;  // the steps without drafts come first
  const int most = std::min(step.budget, StepCosts::kMostRows - step.rows);
  const double without = step.texts / costs.Milliseconds(step.rows);
  // The row that most probably gives a token first, then the next: the best plan is one of these beginnings.
  std::array<int, StepCosts::kMostRows> order;
  std::array<double, StepCosts::kMostRows> chance;  // of the next row of the offer that is looked at
  BANTAM_CHECK(offers.size() <= chance.size());
  for (size_t i = 0; i < offers.size(); ++i) chance[i] = offers[i].acceptance;
  std::array<int, StepCosts::kMostRows> length = {};
  double tokens = step.texts, best = without * kLeastGain, passes_ms = 0;
  int best_rows = 0, deepest = 0;
  for (int rows = 1; rows <= most; ++rows) {
    size_t next = offers.size();
    for (size_t i = 0; i < offers.size(); ++i) {
      if (length[i] < offers[i].length && (next == offers.size() || chance[i] > chance[next])) next = i;
    }
    if (next == offers.size()) break;
    order[static_cast<size_t>(rows - 1)] = static_cast<int>(next);
    tokens += chance[next];
    chance[next] *= offers[next].acceptance;
    ++length[next];
    if (offers[next].pass_ms > 0 && length[next] > deepest) {
      deepest = length[next];
      passes_ms += offers[next].pass_ms;
    }
    const double rate = tokens / (costs.Milliseconds(step.rows + rows) + passes_ms);
    if (rate > best) {
      best = rate;
      best_rows = rows;
    }
  }
  for (int row = 0; row < best_rows; ++row) {
    DraftOffer& offer = offers[static_cast<size_t>(order[static_cast<size_t>(row)])];
    ++offer.granted;
    offer.probe = false;
  }
  int left = most - best_rows;
  for (DraftOffer& offer : offers) {
    if (offer.granted > 0 || !offer.probe || offer.length == 0 || left == 0) continue;
    offer.granted = 1;
    --left;
  }
}

}  // namespace bantam
