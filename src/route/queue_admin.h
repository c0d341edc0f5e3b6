// What people do about questions that wait for a large model, where no server does.
#pragma once

#include <span>

#include "base/file_io.h"

namespace bantam {

// Takes questions out of an assistant's queue unasked: whoever waits for one is told that it was given up, and the
// audit log has a record of each, without its text. No numbers: all. How many it were. kNotFound for a number that does
// not wait: none is dropped then. kConflict while a process has the assistant open.
Result<int64_t> DropQueued(const Path& state_folder, std::span<const int64_t> numbers);

}  // namespace bantam
