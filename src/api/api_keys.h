// Who may ask: API keys, known by their hashes alone.
//
//   keys:                                  # keys.yaml; `bantam key new NAME --file keys.yaml` adds one
//     - name: website
//       sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//       role: user                         # or admin, who may also pull, copy and delete models
//       requests_per_minute: 600           # optional, as
//       concurrent: 8                      # this
//
// A key is taken from "Authorization: Bearer KEY", "X-Api-Key" or "Api-Key", and from what a browser asks its user for
// (Basic: the key is the password). It is compared by its SHA-256 with every key, in a time that does not depend on
// which one it is or how much of one it matches.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/http_types.h"
#include "base/file_io.h"
#include "base/sha256.h"

namespace bantam {

struct ApiKey {
  std::string name;
  Sha256Digest sha256{};
  bool admin = false;
  int requests_per_minute = 0, concurrent = 0;  // 0: no limit
};

// What keeps callers apart, whether or not the server knows their keys: the header with the key, as it came. Empty:
// none was sent.
std::string_view CallerOf(const HttpRequest& request);

// kBadConfig with all that is wrong, as FILE:LINE:COL.
Result<std::vector<ApiKey>> ReadApiKeys(const Path& file);
// The entry of a new key for such a file.
std::string ApiKeyEntry(const ApiKey& key);

// Everything may be called from any thread.
class ApiKeys {
 public:
  explicit ApiKeys(std::vector<ApiKey> keys) { Replace(std::move(keys)); }
  // For those that come from now on. A key of the same name keeps its counts.
  void Replace(std::vector<ApiKey> keys);

  struct Verdict {
    Status status = Ok();       // kUnauthenticated, kForbidden, kOverloaded
    int retry_after_s = 0;      // of kOverloaded
    std::string key_name = {};  // of the key that was sent, if it is one of these
  };
  // Whose key it is and what it may do, before a body is taken; nothing is counted.
  Verdict Recognise(const HttpRequest& request, bool management) const;
  // management: only an admin's key will do. A request that is admitted must be Finished.
  Verdict Admit(const HttpRequest& request, bool management, MonotonicTime now = MonotonicNow());
  // Any request, also one that never was admitted.
  void Finished(const HttpRequest& request);

 private:
  // One for each name, shared by the keys before and after a Replace.
  struct Use {
    double tokens = -1;  // of the bucket; below 0: full
    MonotonicTime filled;
    int running = 0;
  };
  struct Entry {
    ApiKey key;
    std::shared_ptr<Use> use;
  };

  // Under the lock. Null where the verdict says why not.
  const Entry* Find(const HttpRequest& request, const Sha256Digest& digest, bool management, Verdict& verdict) const;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::shared_ptr<Use>> running_;  // by request id, of keys with such a limit
};

}  // namespace bantam
