// What may be spent upstream, and what has been. Counted before it is spent: a request's worst price is reserved before
// it is sent, and replaced by its real one when that is known. Each change is on the disk before the request leaves, so
// that whatever ends the process, nothing that was spent is forgotten; a reservation whose end was never seen stays
// spent.
//
//   BANTAM_TRY(auto spending, Spending::Open(folder / "spending.db", {.total = ...}));
//   BANTAM_TRY(auto id, spending->Reserve(accounts, {.money = 0.02, .tokens = 5000}));   // kForbidden: over a budget
//   spending->Settle(id, {.money = 0.004, .tokens = 812});
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file_io.h"

namespace bantam {

struct Spent {
  double money = 0;  // in the currency of the route file's prices
  int64_t tokens = 0;
};

// Whatever is not said is not limited.
struct SpendingLimit {
  std::optional<double> money;
  std::optional<int64_t> tokens;
  std::chrono::seconds period{86'400};  // counted from 1970 on: a day begins at midnight, UTC
  bool any() const { return money || tokens; }
};

struct SpendingLimits {
  SpendingLimit total;    // of all requests
  SpendingLimit per_key;  // of those with one API key
};

inline constexpr const char* kAllModels = "all models";  // the account of all endpoints together

// Where an amount is counted.
struct Account {
  std::string name;
  SpendingLimit limit;
};

struct AccountState {
  std::string name;
  SpendingLimit limit;
  Spent spent;  // in the current period, reservations among it
};

// Thread-safe.
class Spending {
 public:
  // An empty path: in memory only.
  static Result<std::unique_ptr<Spending>> Open(const Path& file, SpendingLimits limits);
  virtual ~Spending() = default;
  // Counts `worst` for the endpoint, for all of them and for the key (empty: none). kForbidden, naming the budget, when
  // one of them has not enough left: nothing is counted then. Other errors: it cannot be recorded, so it must not be
  // spent.
  virtual Result<uint64_t> Reserve(const Account& endpoint, std::string_view key, Spent worst) = 0;
  // The price is known. Each reservation is settled once at most.
  virtual void Settle(uint64_t reservation, Spent real) = 0;
  // Of the endpoints that have been asked and of all together; keys are not listed.
  virtual std::vector<AccountState> States() const = 0;
  // Of all endpoints together and of each key, from now on; what was spent stays spent.
  virtual void SetLimits(SpendingLimits limits) = 0;
};

}  // namespace bantam
