// What lies in an assistant's state folder ($BANTAM_HOME/state/ASSISTANT), and the lock that one process holds on it.
#pragma once

#include "route/file_lock.h"

namespace bantam {

struct StateFiles {
  explicit StateFiles(const Path& folder)
      : lock(folder / "lock"),
        cache(folder / "cache.db"),
        audit(folder / "audit.jsonl"),
        conversations(folder / "conversations.db"),
        queue(folder / "queue.db"),
        late_answers(folder / "answers.db"),
        spending(folder / "spending.db"),
        learning(folder / "learning"),
        head(folder / "head.safetensors"),
        examples(folder / "examples.safetensors"),
        calibration(folder / "calibration.safetensors") {}
  Path lock, cache, audit, conversations, queue, late_answers, spending, learning, head;
  Path examples, calibration;  // vectors of the route file's examples and of its calibration file: disposable
};

// A file, or a folder with all that is in it; what is not there is removed already.
inline Status RemoveWhole(const Path& path) {
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  return failed ? Status(ErrnoError("remove", path, failed.value())) : Ok();
}

// Held while a process serves an assistant: a second one on the same state folder is refused with the holder's pid.
class StateLock {
 public:
  static Result<StateLock> Acquire(const Path& state_folder) {
    BANTAM_TRY(FileLock lock, FileLock::Acquire(StateFiles(state_folder).lock,
                                                fmt::format("the state folder {}", state_folder.string())));
    return StateLock(std::move(lock));
  }

 private:
  explicit StateLock(FileLock lock) : lock_(std::move(lock)) {}
  FileLock lock_;
};

}  // namespace bantam
