#include "route/audit_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text_util.h"
#include "route/audit_format.h"
#include "route/audit_key.h"
#include "route/audit_reader.h"

namespace bantam {
namespace {

constexpr std::chrono::seconds kSyncEvery{1};
constexpr std::chrono::minutes kWarnEvery{1};
constexpr std::chrono::milliseconds kSlow{2};  // a write to the page cache takes microseconds

std::string Name(const Path& file) { return EscapeForTerminal(file.string(), 400); }

Status SyncFolderOf(const Path& file) {
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid() && ::fsync(fd.get()) != 0) return ErrnoError("sync the folder of", file, errno);
  return Ok();
}

class FileAuditLog final : public AuditLog {
 public:
  FileAuditLog(UniqueFd fd, Path file, bool own_thread)
      : fd_(std::make_shared<const UniqueFd>(std::move(fd))), file_(std::move(file)), own_thread_(own_thread) {}

  ~FileAuditLog() override {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
    Sync();
  }

  // Finds the end of the chain, with what a crash has left behind it put aside.
  Status Begin() {
    BANTAM_TRY(size_, SizeOf(*fd_));
    for (;;) {
      BANTAM_TRY(AuditReader reader, AuditReader::OpenAtLast(file_, 1));
      const int64_t last = reader.offset();
      BANTAM_TRY(const auto line, reader.NextLine());
      const int64_t complete = reader.offset();
      // After a power cut the last blocks may be zeros: no record holds a zero byte.
      if (line && line->find('\0') != std::string_view::npos) {
        BANTAM_RETURN_IF_ERROR(MoveTornTail(last));
        continue;
      }
      if (complete < size_) BANTAM_RETURN_IF_ERROR(MoveTornTail(complete));
      if (line) BANTAM_RETURN_IF_ERROR(ContinueAfter(*line));
      break;
    }
    last_sync_ = MonotonicNow();
    if (own_thread_) thread_ = std::jthread([this](std::stop_token stop) { SyncMain(stop); });
    return Ok();
  }

  void SetKey(std::shared_ptr<const AuditKey> key) override {
    const std::lock_guard lock(mutex_);
    key_ = std::move(key);
  }

  Status Append(AuditRecord record) override {
    record.time_us = WallMicros();
    const MonotonicTime start = MonotonicNow();
    const Status written = Write(std::move(record));
    slow_ = MonotonicNow() - start > kSlow;
    BANTAM_RETURN_IF_ERROR(written);
    if (!own_thread_) SyncWhenDue();
    return Ok();
  }

  bool slow() const override { return slow_; }
  const Path& file() const override { return file_; }
  End end() const override {
    const std::lock_guard lock(mutex_);
    return {.records = sequence_, .bytes = size_, .hash = last_hash_};
  }

  Result<End> ReplaceBy(UniqueFd copy, const Path& copy_file, const End& from, AuditRecord last) override {
    const auto next = std::make_shared<const UniqueFd>(std::move(copy));
    last.time_us = WallMicros();
    End end;
    {
      const std::lock_guard lock(mutex_);
      if (!IsInItsPlace()) {
        return Err(ErrorCode::kConflict, "the audit log {} was removed or replaced while in use", Name(file_));
      }
      last.sequence = sequence_ + 1;
      std::string more(static_cast<size_t>(size_ - from.bytes), '\0'), hash;
      BANTAM_RETURN_IF_ERROR(ReadAt(from.bytes, more));
      more += FormatAuditLine(last, last_hash_, &hash) + '\n';
      BANTAM_RETURN_IF_ERROR(WriteAll(next->get(), more, copy_file));
      BANTAM_TRY(const int64_t size, SizeOf(*next));
      if (::rename(copy_file.c_str(), file_.c_str()) != 0) return ErrnoError("rename", copy_file, errno);
      fd_ = next;
      size_ = size;
      sequence_ = last.sequence;
      last_hash_ = std::move(hash);
      torn_ = false;
      dirty_ = true;
      end = {.records = sequence_, .bytes = size_, .hash = last_hash_};
    }
    if (::fdatasync(next->get()) != 0) return ErrnoError("sync", file_, errno);
    BANTAM_RETURN_IF_ERROR(SyncFolderOf(file_));
    return end;
  }

 private:
  Result<int64_t> SizeOf(const UniqueFd& fd) const {
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return ErrnoError("inspect", file_, errno);
    return info.st_size;
  }

  // Fills `bytes`.
  Status ReadAt(int64_t offset, std::string& bytes) const {
    size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t got =
          ::pread(fd_->get(), bytes.data() + have, bytes.size() - have, offset + static_cast<int64_t>(have));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return ErrnoError("read the end of", file_, got < 0 ? errno : EIO);
      have += static_cast<size_t>(got);
    }
    return Ok();
  }

  // Nobody has moved it away.
  bool IsInItsPlace() const {
    struct stat ours{}, there{};
    return ::fstat(fd_->get(), &ours) == 0 && ::stat(file_.c_str(), &there) == 0 && there.st_ino == ours.st_ino &&
           there.st_dev == ours.st_dev;
  }

  Status Write(AuditRecord record) {
    std::lock_guard lock(mutex_);
    record.sequence = sequence_ + 1;
    if (key_) BANTAM_RETURN_IF_ERROR(SealTexts(*key_, record));
    std::string hash;
    std::string line = FormatAuditLine(record, last_hash_, &hash);
    line += '\n';
    if (torn_) BANTAM_RETURN_IF_ERROR(TakeBack());
    if (Status written = WriteAll(fd_->get(), line, file_); !written) {  // one write(), unless the disk fills up in it
      const Status taken_back = TakeBack();
      static_cast<void>(taken_back);  // torn_ remembers it
      return written;
    }
    size_ += static_cast<int64_t>(line.size());
    sequence_ = record.sequence;
    last_hash_ = std::move(hash);
    dirty_ = true;
    return Ok();
  }

  Status ContinueAfter(std::string_view line) {
    const auto parsed = ParseAuditLine(line, "its last line");
    if (!parsed || HashOfAuditLine(line) != parsed->record.hash) {
      return Err(ErrorCode::kCorrupt,
                 "the audit log {} does not end with a record of ours{}; see what `bantam audit verify` says, then "
                 "move the file away: a new one is begun",
                 Name(file_), parsed ? "" : " (" + parsed.error().message + ")");
    }
    sequence_ = parsed->record.sequence;
    last_hash_ = parsed->record.hash;
    return Ok();
  }

  Status MoveTornTail(int64_t from) {
    std::string tail(static_cast<size_t>(size_ - from), '\0');
    BANTAM_RETURN_IF_ERROR(ReadAt(from, tail));
    const Path torn = file_.string() + ".torn";
    UniqueFd fd(::open(torn.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!fd.valid()) return ErrnoError("create", torn, errno);
    BANTAM_RETURN_IF_ERROR(WriteAll(fd.get(), tail + '\n', torn));
    // Safe there before it goes here.
    if (::fsync(fd.get()) != 0) return ErrnoError("sync", torn, errno);
    if (::ftruncate(fd_->get(), from) != 0) return ErrnoError("cut the torn end off", file_, errno);
    if (::fdatasync(fd_->get()) != 0) return ErrnoError("sync", file_, errno);
    Log(LogLevel::kWarning, "the audit log {} ended in the middle of a record; {} bytes were moved to {}", Name(file_),
        tail.size(), Name(torn));
    size_ = from;
    return Ok();
  }

  // Removes the part of our own record that fitted on the disk.
  Status TakeBack() {
    torn_ = ::ftruncate(fd_->get(), size_) != 0;
    return torn_ ? ErrnoError("take back half a record from", file_, errno) : Ok();
  }

  void SyncMain(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, kSyncEvery, [] { return false; });
      Sync();
      Watch();
    }
  }

  // On a thread of the caller's. Whoever comes while another one syncs has nothing to do.
  void SyncWhenDue() {
    const std::unique_lock turn(sync_mutex_, std::try_to_lock);
    if (!turn.owns_lock() || MonotonicNow() - last_sync_ < kSyncEvery) return;
    last_sync_ = MonotonicNow();
    Sync();
    Watch();
  }

  void Sync() {
    if (!dirty_.exchange(false)) return;
    std::shared_ptr<const UniqueFd> fd;
    {
      const std::lock_guard lock(mutex_);
      fd = fd_;
    }
    if (::fdatasync(fd->get()) == 0) return;
    const Error error = ErrnoError("sync", file_, errno);
    Warn(fmt::format("its last records may be lost with the power: {}", error.message));
  }

  // A rotation from outside breaks the chain; whoever set it up should hear of it before an auditor does.
  void Watch() {
    bool in_its_place = false, other_size = false;
    {
      const std::lock_guard lock(mutex_);
      in_its_place = IsInItsPlace();
      const Result<int64_t> size = SizeOf(*fd_);
      other_size = size && *size != size_ && !torn_;
    }
    if (!in_its_place) {
      Warn("it was removed or replaced while in use; records go on into the old file");
    } else if (other_size) {
      Warn("something else wrote to it; its chain is broken");
    }
  }

  void Warn(const std::string& what) {
    const MonotonicTime now = MonotonicNow();
    if (last_warning_ && now - *last_warning_ < kWarnEvery) return;
    last_warning_ = now;
    Log(LogLevel::kWarning, "audit log {}: {}", Name(file_), what);
  }

  std::shared_ptr<const UniqueFd> fd_;  // guarded by mutex_: a purge changes it, and whoever syncs keeps what it has
  const Path file_;
  const bool own_thread_;
  mutable std::mutex mutex_;  // guards the following
  std::shared_ptr<const AuditKey> key_;
  int64_t size_ = 0;      // of the file, up to the last complete record
  int64_t sequence_ = 0;  // of the last record
  std::string last_hash_{kNoAuditHash};
  std::atomic<bool> torn_ = false;  // behind size_ lies half a record that could not be taken back
  std::atomic<bool> slow_ = false;
  std::atomic<bool> dirty_ = false;            // written and not synced
  std::mutex sync_mutex_;                      // without a thread: whose turn it is to sync
  MonotonicTime last_sync_{};                  // without a thread
  std::optional<MonotonicTime> last_warning_;  // of whoever syncs
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::Open(const Path& file, bool own_thread) {
  if (file.has_parent_path()) BANTAM_RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  UniqueFd fd;
  struct stat info{}, there{};
  do {
    // O_NONBLOCK: a FIFO in its place must not hang us. 0600: it may hold what people said.
    fd = UniqueFd(::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!fd.valid()) return ErrnoError("open the audit log", file, errno);
    if (::fstat(fd.get(), &info) != 0) return ErrnoError("inspect", file, errno);
    if (!S_ISREG(info.st_mode))
      return Err(ErrorCode::kInvalidArgument, "the audit log {} is not a regular file", Name(file));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoError("lock", file, errno);
      return Err(ErrorCode::kConflict,
                 "another process writes the audit log {}; stop it first, or use another BANTAM_HOME", Name(file));
    }
    if (::stat(file.c_str(), &there) != 0) return ErrnoError("inspect", file, errno);
    // A purge may have put a new file in its place between our opening and locking it.
  } while (there.st_ino != info.st_ino || there.st_dev != info.st_dev);
  // Perhaps it is new: its name has to reach the disk too.
  if (info.st_size == 0) BANTAM_RETURN_IF_ERROR(SyncFolderOf(file));
  auto log = std::make_unique<FileAuditLog>(std::move(fd), file, own_thread);
  BANTAM_RETURN_IF_ERROR(log->Begin());
  return log;
}

}  // namespace bantam
