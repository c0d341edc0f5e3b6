/* What a test preloads to have the system misbehave:
 *
 *   FAULT_AT=N            the Nth call that reads, writes, syncs, opens or renames fails once with FAULT_ERRNO (5,
 * EIO), or is cut short after one byte with FAULT_SHORT=1 FAULT_UNDER=FOLDER    only calls on files below it count, and
 * those on files opened there CLOCK_FILE=FILE       the wall clock is so many seconds ahead as the file says; steady
 * clocks are not
 *
 * FAULT_REPORT=FILE      says at the end how many calls counted */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long calls;

static int is_below(const char* path) {
  const char* folder = getenv("FAULT_UNDER");
  char whole[PATH_MAX];
  if (folder == NULL || path == NULL) return 0;
  if (realpath(path, whole) == NULL) { /* not there yet: its folder is */
    const char* end = strrchr(path, '/');
    if (path[0] != '/' || end == NULL) return 0;
    snprintf(whole, sizeof whole, "%s", path);
  }
  return strncmp(whole, folder, strlen(folder)) == 0;
}

static int is_file_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return path[0] == '/' && is_below(path);
}

/* Whether this call is the one. */
static int fails(int counts) {
  const char* at = getenv("FAULT_AT");
  if (!counts || atomic_fetch_add(&calls, 1) + 1 != (at == NULL ? 0 : atol(at))) return 0;
  const char* number = getenv("FAULT_ERRNO");
  errno = number != NULL ? atoi(number) : EIO;
  return 1;
}

__attribute__((destructor)) static void report(void) {
  const char* name = getenv("FAULT_REPORT");
  char text[32];
  if (name == NULL || atomic_load(&calls) == 0) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return;
  (void)!syscall(SYS_write, fd, text, (size_t)snprintf(text, sizeof text, "%ld", atomic_load(&calls)));
  syscall(SYS_close, fd);
}

static int short_calls(void) { return getenv("FAULT_SHORT") != NULL; }

#define MOVES(name, arguments, count, call, shortened) \
  ssize_t name arguments {                             \
    if (fails(is_file_below(fd))) {                    \
      if (!short_calls() || (count) < 2) return -1;    \
      return NEXT(name) shortened;                     \
    }                                                  \
    return NEXT(name) call;                            \
  }

MOVES(read, (int fd, void* to, size_t count), count, (fd, to, count), (fd, to, 1))
MOVES(write, (int fd, const void* from, size_t count), count, (fd, from, count), (fd, from, 1))
MOVES(pread, (int fd, void* to, size_t count, off_t at), count, (fd, to, count, at), (fd, to, 1, at))
MOVES(pwrite, (int fd, const void* from, size_t count, off_t at), count, (fd, from, count, at), (fd, from, 1, at))
MOVES(pread64, (int fd, void* to, size_t count, off64_t at), count, (fd, to, count, at), (fd, to, 1, at))
MOVES(pwrite64, (int fd, const void* from, size_t count, off64_t at), count, (fd, from, count, at), (fd, from, 1, at))

#define FAILS(name, arguments, counts, call) \
  int name arguments {                       \
    if (fails(counts)) return -1;            \
    return NEXT(name) call;                  \
  }

FAILS(fsync, (int fd), is_file_below(fd), (fd))
FAILS(fdatasync, (int fd), is_file_below(fd), (fd))
FAILS(ftruncate, (int fd, off_t size), is_file_below(fd), (fd, size))
FAILS(ftruncate64, (int fd, off64_t size), is_file_below(fd), (fd, size))
FAILS(rename, (const char* from, const char* to), is_below(to), (from, to))
FAILS(mkdir, (const char* path, mode_t mode), is_below(path), (path, mode))

#define OPENS(name, first, call)          \
  int name first {                        \
    mode_t mode = 0;                      \
    if (flags & (O_CREAT | O_TMPFILE)) {  \
      va_list more;                       \
      va_start(more, flags);              \
      mode = va_arg(more, mode_t);        \
      va_end(more);                       \
    }                                     \
    if (fails(is_below(path))) return -1; \
    return NEXT(name) call;               \
  }

OPENS(open, (const char* path, int flags, ...), (path, flags, mode))
OPENS(open64, (const char* path, int flags, ...), (path, flags, mode))
OPENS(openat, (int folder, const char* path, int flags, ...), (folder, path, flags, mode))

/* The wall clock. */

static time_t ahead(void) {
  const char* name = getenv("CLOCK_FILE");
  char text[32] = {0};
  if (name == NULL) return 0;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY, 0);
  if (fd < 0) return 0;
  (void)!syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return (time_t)atoll(text);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int done = (int)syscall(SYS_clock_gettime, clock, now);
  if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
  return done;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (out != NULL) *out = precise.tv_sec;
  return precise.tv_sec;
}
