// The heads that decided the messages of an assistant's log, found by what its records call them: the one in force, and
// those that the state folder keeps beside it.
//
//   LoggedHeads heads(*router, state_folder, options);
//   BANTAM_TRY(Router* router, heads.Find(record.head_sha256));
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "route/router.h"

namespace bantam {

// One thread at a time.
class LoggedHeads {
 public:
  // `in_force` outlives it. options: that it was made with, and its embedder.
  LoggedHeads(Router& in_force, Path state_folder, RouterOptions options);

  // A router that decides by this head; null: it is not kept. Others are loaded until it is found.
  Result<Router*> Find(const std::string& head_sha256);

 private:
  Status FindKept();

  Router& in_force_;
  const Path state_folder_;
  RouterOptions options_;
  std::optional<std::vector<int64_t>> to_load_;  // the next one last; nothing: nobody has looked yet
  std::vector<std::unique_ptr<Router>> loaded_;
  std::map<std::string, Router*> by_head_;
};

}  // namespace bantam
