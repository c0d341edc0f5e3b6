#include "route/spending.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "route/file_lock.h"
#include "route/sqlite_file.h"

namespace bantam {
namespace {

// Money is kept in billionths, so that a million small amounts add up to their sum.
constexpr double kBillion = 1e9;
constexpr size_t kMostAccounts = 10'000;  // then those whose period is over are forgotten
constexpr int kCheckpointPages = 1'000;   // 4 MiB

constexpr const char* kVersions[] = {
    "CREATE TABLE spent(account BLOB PRIMARY KEY, period INTEGER NOT NULL, since INTEGER NOT NULL,"
    " money INTEGER NOT NULL, tokens INTEGER NOT NULL) WITHOUT ROWID;"};
constexpr SqliteSchema kSchema{0x426E5453, kVersions};  // "BnTS"

struct Amount {
  int64_t money = 0, tokens = 0;
};

// Rounded up: what is counted is never less than what was spent.
Amount AmountOf(const Spent& spent) {
  const double money = std::ceil(std::max(0.0, spent.money) * kBillion);
  return {money < 9e18 ? static_cast<int64_t>(money) : INT64_MAX / 4, std::max<int64_t>(0, spent.tokens)};
}

struct Book {
  SpendingLimit limit;
  int64_t begin = 0;  // of the period, seconds since 1970
  Amount spent;
};

struct Reservation {
  Amount amount;
  struct Entry {
    std::string account;
    int64_t begin;
  };
  std::vector<Entry> entries;
};

class SpendingImpl final : public Spending {
 public:
  Status OpenFile(const Path& file) {
    BANTAM_TRY(lock_, FileLock::Acquire(file.string() + ".lock", fmt::format("the spending {}", file.string())));
    BANTAM_TRY(SqliteConnection db, SqliteConnection::OpenWriter(file, kSchema));
    // A power cut must not undo what was spent either: one sync beside a request to a large model.
    BANTAM_RETURN_IF_ERROR(db.Execute("PRAGMA synchronous=FULL"));
    BANTAM_TRY(SqliteStatement rows, db.Prepare("SELECT account, period, since, money, tokens FROM spent"));
    for (;;) {
      BANTAM_TRY(const bool row, rows.Step());
      if (!row) break;
      Book book;
      book.limit.period = std::chrono::seconds(rows.Int(1));
      book.begin = rows.Int(2);
      book.spent = {rows.Int(3), rows.Int(4)};
      books_[std::string(rows.Blob(0))] = book;
    }
    rows.Reset();
    BANTAM_TRY(write_, db.Prepare("INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?)"));
    BANTAM_TRY(forget_, db.Prepare("DELETE FROM spent WHERE account = ?"));
    db_ = std::move(db);
    return Ok();
  }

  Result<uint64_t> Reserve(const Account& endpoint, std::string_view key, Spent worst) override {
    const Amount amount = AmountOf(worst);
    const std::lock_guard lock(mutex_);
    std::vector<Account> accounts = {endpoint, {kAllModels, limits_.total}};
    accounts[0].name = EndpointAccount(endpoint.name);
    if (limits_.per_key.any() && !key.empty()) {
      accounts.push_back({"key " + Sha256Hex(key).substr(0, 32), limits_.per_key});
    }
    for (const Account& account : accounts) BANTAM_RETURN_IF_ERROR(CheckRoom(account, amount));
    Reservation reservation{.amount = amount, .entries = {}};
    for (const Account& account : accounts) {
      Book& book = books_.at(account.name);
      book.spent.money += amount.money;
      book.spent.tokens += amount.tokens;
      reservation.entries.push_back({account.name, book.begin});
    }
    if (const Status written = Write(reservation); !written) {
      TakeBack(reservation, amount);
      return Err(written.error().code, "is not asked, because what it costs cannot be recorded: {}",
                 written.error().message);
    }
    reservations_[++last_] = std::move(reservation);
    return last_;
  }

  void Settle(uint64_t id, Spent real) override {
    const std::lock_guard lock(mutex_);
    const auto found = reservations_.find(id);
    if (found == reservations_.end()) return;
    const Reservation reservation = std::move(found->second);
    reservations_.erase(found);
    const Amount amount = AmountOf(real);
    TakeBack(reservation, {reservation.amount.money - amount.money, reservation.amount.tokens - amount.tokens});
    // Left at its worst on the disk, it is written with the next one.
    if (const Status written = Write(reservation); !written)
      Log(LogLevel::kWarning, "spending: {}; the worst price stays counted", written.error().message);
  }

  std::vector<AccountState> States() const override {
    const std::lock_guard lock(mutex_);
    std::vector<AccountState> states;
    for (const auto& [name, book] : books_) {
      if (name.starts_with("key ")) continue;
      const bool over = PeriodBegin(book.limit) > book.begin;
      states.push_back({name == kAllModels ? name : name.substr(std::string_view("model ").size()), book.limit,
                        over ? Spent() : Spent{static_cast<double>(book.spent.money) / kBillion, book.spent.tokens}});
    }
    return states;
  }

  void SetLimits(SpendingLimits limits) override {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
  }

 private:
  static std::string EndpointAccount(const std::string& label) { return "model " + label; }

  static int64_t PeriodBegin(const SpendingLimit& limit) {
    const int64_t now = WallMicros() / 1'000'000, period = std::max<int64_t>(1, limit.period.count());
    return now - now % period;
  }

  // The account's book, begun anew when its period is over. A clock that went back does not begin one.
  Book& BookOf(const Account& account) {
    Book& book = books_[account.name];
    const int64_t begin = PeriodBegin(account.limit);
    if (begin > book.begin || book.limit.period != account.limit.period) {
      book.begin = begin;
      book.spent = {};
    }
    book.limit = account.limit;
    return book;
  }

  Status CheckRoom(const Account& account, Amount amount) {
    if (books_.size() >= kMostAccounts) ForgetThoseThatAreOver();
    const Book& book = BookOf(account);
    const std::string_view whose = account.name == kAllModels         ? "the budget for all models"
                                   : account.name.starts_with("key ") ? "this key's budget"
                                                                      : "its budget";
    if (account.limit.money && static_cast<double>(book.spent.money + amount.money) > *account.limit.money * kBillion) {
      return Err(ErrorCode::kForbidden, "is not asked: {} of {:g} is used up, or would be by this question", whose,
                 *account.limit.money);
    }
    if (account.limit.tokens && book.spent.tokens + amount.tokens > *account.limit.tokens) {
      return Err(ErrorCode::kForbidden, "is not asked: {} of {} tokens is used up, or would be by this question", whose,
                 *account.limit.tokens);
    }
    return Ok();
  }

  void TakeBack(const Reservation& reservation, Amount amount) {
    for (const Reservation::Entry& entry : reservation.entries) {
      const auto book = books_.find(entry.account);
      if (book == books_.end() || book->second.begin != entry.begin) continue;  // its period is over
      book->second.spent.money -= amount.money;
      book->second.spent.tokens -= amount.tokens;
    }
  }

  Status Write(const Reservation& reservation) {
    if (!db_) return Ok();
    BANTAM_RETURN_IF_ERROR(db_->Execute("BEGIN"));
    for (const Reservation::Entry& entry : reservation.entries) {
      const auto found = books_.find(entry.account);
      if (found == books_.end()) continue;
      const Book& book = found->second;
      write_.Bind(1, std::string_view(entry.account)).Bind(2, book.limit.period.count()).Bind(3, book.begin);
      const Status written = write_.Bind(4, book.spent.money).Bind(5, book.spent.tokens).Run();
      if (!written) {
        (void)db_->Execute("ROLLBACK");
        return written;
      }
    }
    const Status committed = db_->Execute("COMMIT");
    if (!committed) (void)db_->Execute("ROLLBACK");
    if (committed && db_->wal_pages() >= kCheckpointPages) return db_->Checkpoint();
    return committed;
  }

  void ForgetThoseThatAreOver() {
    std::erase_if(books_, [&](const auto& entry) {
      if (PeriodBegin(entry.second.limit) <= entry.second.begin) return false;
      if (db_) (void)forget_.Bind(1, std::string_view(entry.first)).Run();
      return true;
    });
  }

  mutable std::mutex mutex_;  // guards all of these
  SpendingLimits limits_;
  std::map<std::string, Book> books_;
  std::map<uint64_t, Reservation> reservations_;  // not settled yet
  uint64_t last_ = 0;
  std::optional<FileLock> lock_;
  std::optional<SqliteConnection> db_;
  SqliteStatement write_, forget_;  // of db_
};

}  // namespace

Result<std::unique_ptr<Spending>> Spending::Open(const Path& file, SpendingLimits limits) {
  auto spending = std::make_unique<SpendingImpl>();
  spending->SetLimits(limits);
  if (!file.empty()) BANTAM_RETURN_IF_ERROR(spending->OpenFile(file));
  return std::unique_ptr<Spending>(std::move(spending));
}

}  // namespace bantam
