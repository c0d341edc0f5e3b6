// Messages leave what an assistant has learned: candidates, and what the generations of its head were trained and
// judged on. A head that has learned from one of them is trained again, without it, when it is loaded next.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/file_io.h"

namespace bantam {

struct UnwantedMessages {
  // Those of these requests, and those of the same words, whoever said them as well: by NormalizeQuestion, or, where
  // the words are not known, by the digest of a text.
  std::set<std::string> request_ids = {}, words = {}, question_sha256 = {};
  std::optional<int64_t> before_us = {};  // in place of that: those that nobody has said since
};

struct Forgotten {
  int64_t candidates = 0;
  int64_t examples = 0;  // lines of generations
};

// Nothing of them stays on the disk. A challenger that loses an example goes: what was proven of it is of another head.
// kConflict while a challenger is being made. dry_run: only counts.
Result<Forgotten> ForgetMessages(const Path& state_folder, const UnwantedMessages& unwanted, bool dry_run);

}  // namespace bantam
