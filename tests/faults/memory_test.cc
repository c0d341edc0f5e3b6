// An allocation that fails, whichever it is: the call says so, or does without; the process goes on, and the same call
// works once there is memory again. Each round is a process of its own, which loads, asks, and answers with its exit
// status.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <vector>

#include "bantam/bantam.h"
#include "base/testing.h"

namespace {

constexpr int64_t kNever = INT64_MAX;
std::atomic<int64_t> left = kNever;  // allocations until one fails
std::atomic<int64_t> counted = 0;

bool Fails() {
  ++counted;
  return left != kNever && --left == 0;
}

void* Allocate(size_t size, size_t alignment) {
  if (Fails()) return nullptr;
  void* data = nullptr;
  size = std::max<size_t>(size, 1);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return ::posix_memalign(&data, alignment, size) == 0 ? data : nullptr;
}
void* AllocateOrThrow(size_t size, size_t alignment) {
  void* data = Allocate(size, alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

}  // namespace

// gcc compares what it inlines: malloc in one of them, free in another.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(size_t size) { return AllocateOrThrow(size, 0); }
void* operator new(size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 0); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, size_t) noexcept { std::free(data); }
void operator delete(void* data, std::align_val_t) noexcept { std::free(data); }
void operator delete(void* data, size_t, std::align_val_t) noexcept { std::free(data); }

namespace bantam {
namespace {

int Rounds() {
  const char* text = std::getenv("BANTAM_MEMORY_FAULTS");
  return text != nullptr ? std::atoi(text) : 24;
}

// What happens while memory is short: an error that says so, or success.
void Expect(bantam_status status, const char* what) {
  if (status == BANTAM_OK || status == BANTAM_OUT_OF_MEMORY || status == BANTAM_UNAVAILABLE) return;
  std::fprintf(stderr, "%s: %s: %s\n", what, bantam_status_name(status), bantam_last_error());
  ::_exit(2);
}
// What must work again.
void Require(bool works, const char* what) {
  if (works) return;
  std::fprintf(stderr, "after it, %s: %s\n", what, bantam_last_error());
  ::_exit(3);
}

using Work = std::function<void(bool short_of_memory)>;

int InChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

void FailEverywhere(const Work& work) {
  const auto once = [&] { return work(false), 0; };
  ASSERT_EQ(InChild(once), 0);  // what the first time leaves on disk for the others
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  ASSERT_EQ(InChild([&] {
              counted = 0;
              work(true);
              const int64_t total = counted;
              return ::write(pipe_fds[1], &total, sizeof total) == sizeof total ? 0 : 1;
            }),
            0);
  int64_t total = 0;
  ASSERT_EQ(::read(pipe_fds[0], &total, sizeof total), static_cast<ssize_t>(sizeof total));
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  ASSERT_GT(total, 100);
  for (int round = 0; round < Rounds(); ++round) {
    // Spread over all of them, and every one of the last: those are the request's.
    const int64_t at = round % 2 == 0 ? 1 + total * round / Rounds() : total - round / 2;
    const int status = InChild([&] {
      left = at;
      work(true);
      left = kNever;
      work(false);
      return 0;
    });
    EXPECT_EQ(status, 0) << "allocation " << at << " of " << total << ": "
                         << (WIFSIGNALED(status) ? "ended by signal " : "exit status ")
                         << (WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
}

TEST(Memory, AModelLoadsAndEmbedsOrSaysThatThereIsNone) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  FailEverywhere([&](bool short_of_memory) {
    const auto check = [&](bantam_status status, const char* what) {
      short_of_memory ? Expect(status, what) : Require(status == BANTAM_OK, what);
      return status == BANTAM_OK;
    };
    bantam_model_options options{};
    options.struct_size = sizeof options;
    options.dtype = BANTAM_DTYPE_INT8;
    options.num_threads = 2;
    bantam_model* model = nullptr;
    if (!check(bantam_model_load(folder.c_str(), &options, &model), "load")) return;
    float vector[384];
    if (check(bantam_model_embed(model, "where is my refund", BANTAM_C_STRING, nullptr, vector, 384, nullptr), "embed"))
      Require(vector[0] != 0, "a vector");
    bantam_model_free(model);
  });
}

TEST(Memory, AnAssistantLoadsAndDecidesOrSaysThatThereIsNone) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  testing::TempFolder state;
  FailEverywhere([&](bool short_of_memory) {
    const auto check = [&](bantam_status status, const char* what) {
      short_of_memory ? Expect(status, what) : Require(status == BANTAM_OK, what);
      return status == BANTAM_OK;
    };
    bantam_assistant_options options{};
    options.struct_size = sizeof options;
    options.state_folder = state.path().c_str();
    options.num_threads = 1;
    bantam_assistant* assistant = nullptr;
    if (!check(bantam_assistant_load("examples/embedded/home.yaml", &options, &assistant), "load")) return;
    bantam_answer* answer = nullptr;
    if (check(bantam_assistant_decide(assistant, "turn on the lights", BANTAM_C_STRING, nullptr, &answer), "decide"))
      bantam_answer_free(answer);
    bantam_assistant_free(assistant);
  });
}

}  // namespace
}  // namespace bantam
