// Who has had how much of the engine: a counter of tokens for each key of a priority, so that whoever had least goes
// next (virtual token counters: Sheng et al., "Fairness in Serving Large Language Models", 2024).
//
//   FairShares shares;
//   FairShares::Share* share = shares.Enter(priority, key);   // a request begins to wait
//   shares.Begin(*share);                                     // it is the next
//   shares.Charge(*share, tokens);                            // as it is computed
//   shares.Leave(*share);                                     // it has ended
//
// Time that a key did not use is not saved up: its counter begins where those stand that are served now. One thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>

namespace bantam {

class FairShares {
 public:
  // What is charged for a token computed of a prompt, and for one of text, which takes longer.
  static constexpr double kPromptToken = 1, kTextToken = 2;
  struct Share {
    double used = 0;
    int members = 0;  // requests that wait or run
    int priority = 0;
  };

  // Stays good until the Leave that belongs to it.
  Share* Enter(int priority, const std::string& key);
  void Begin(const Share& share);
  static void Charge(Share& share, double tokens) { share.used += tokens; }
  void Leave(Share& share);

  size_t num_keys() const;  // that are remembered

 private:
  struct Level {
    double now = 0;  // the counter of whoever began last
    int members = 0;
    size_t tidy_at = 64;
    std::unordered_map<std::string, Share> shares;
  };
  std::map<int, Level> levels_;  // by priority
};

}  // namespace bantam
