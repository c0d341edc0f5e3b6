// Writes until it is killed: crash_driver cache|audit|purge|conversations FILE FIRST. After the call for number n has
// returned, the pair (n, stores skipped so far) goes to standard output, as two 64-bit integers in one write.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "faults/crash_values.h"
#include "route/audit_log.h"
#include "route/audit_purge.h"
#include "route/conversation_store.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

template <typename T>
T OrExit(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "crash_driver: %s\n", result.error().message.c_str());
  std::_Exit(2);
}

void Must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "crash_driver: %s\n", status.error().message.c_str());
  std::_Exit(2);
}

[[noreturn]] void Loop(int64_t first, const std::function<int64_t(int64_t)>& call) {
  for (int64_t n = first;; ++n) {
    const std::array<int64_t, 2> acknowledgement = {n, call(n)};
    if (::write(STDOUT_FILENO, acknowledgement.data(), sizeof acknowledgement) != sizeof acknowledgement) std::_Exit(3);
  }
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) {
  using namespace bantam;
  if (argc != 4) return 64;
  const std::string_view what = argv[1];
  const int64_t first = std::atoll(argv[3]);
  if (what == "cache") {
    auto cache = OrExit(ResultCache::Open(argv[2], {}));
    Loop(first, [&](int64_t n) {
      cache->Store(testing::CrashKey(n), testing::CrashValue(n));
      return static_cast<int64_t>(cache->Stats().skipped);
    });
  }
  if (what == "audit") {
    auto log = OrExit(AuditLog::Open(argv[2]));
    Loop(first, [&](int64_t n) {
      AuditRecord record;
      record.request_id = std::to_string(n);
      record.question =
          testing::CrashValue(n % 5 == 0 ? n : 1);  // some long ones: a kill can cut a write of many pages
      Must(log->Append(record));
      return 0;
    });
  }
  if (what == "purge") {  // of one conversation after the other, in a log that is in use
    auto log = OrExit(AuditLog::Open(argv[2]));
    Loop(first, [&](int64_t n) { return OrExit(PurgeAuditLog(*log, {.session_hash = std::to_string(n)})).sequence; });
  }
  if (what == "conversations") {
    auto store = OrExit(ConversationStore::Open(argv[2], std::chrono::hours(1)));
    Loop(first, [&](int64_t n) {
      Must(store->Save(testing::CrashSession(n), testing::CrashValue(n)));
      return 0;
    });
  }
  return 64;
}
