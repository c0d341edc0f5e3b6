// The chain of an audit log, line by line: what VerifyAuditLog (audit_log.h) does with a file.
//
//   ChainCheck chain;
//   for each line: if (const std::string problem = chain.Add(line, parsed); !problem.empty()) ...
//   if (const auto first = chain.Unsettled()) ...                    // at the end of the log
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "route/audit_format.h"

namespace bantam {

// What is wrong with one line by itself; empty: nothing.
std::string ProblemOf(std::string_view line, const AuditRecord& record);

class ChainCheck {
 public:
  // What is wrong with it; empty: nothing. After a line that is wrong no other one means anything.
  std::string Add(std::string_view line, const AuditLine& parsed);
  int64_t records() const { return records_; }  // good ones
  int64_t purged() const { return purged_; }    // of them: their texts were taken out
  const std::string& last_hash() const { return last_hash_; }
  // The first line that says of itself that its texts were taken out, by a record that never came.
  std::optional<int64_t> Unsettled() const;

 private:
  // Of lines whose texts one purge took out, until its record comes.
  struct Lines {
    int64_t count = 0, first = 0;
    Sha256 hash;
  };

  bool Settle(const AuditRecord& record);

  int64_t records_ = 0, purged_ = 0;
  std::string last_hash_{kNoAuditHash};
  std::map<int64_t, Lines> waiting_;
};

}  // namespace bantam
