#include "capi/call.h"

#include <fmt/core.h>

#include <string>

#include "base/text_util.h"
#include "base/thread_pool.h"

namespace bantam::capi {
namespace {

// The string owns the message; when there was no memory for it, `fixed` says so.
struct LastMessage {
  std::string text;
  const char* fixed = "";
};
thread_local LastMessage last_message;

constexpr int kMaxThreads = 1024;
constexpr size_t kMaxNameBytes = 64 << 10;
constexpr size_t kMaxStructBytes = 4096;  // beyond it struct_size is garbage

static_assert(BANTAM_INVALID_ARGUMENT == static_cast<int>(ErrorCode::kInvalidArgument));
static_assert(BANTAM_NOT_FOUND == static_cast<int>(ErrorCode::kNotFound));
static_assert(BANTAM_UNSUPPORTED == static_cast<int>(ErrorCode::kUnsupported));
static_assert(BANTAM_CORRUPT == static_cast<int>(ErrorCode::kCorrupt));
static_assert(BANTAM_CONFLICT == static_cast<int>(ErrorCode::kConflict));
static_assert(BANTAM_UNAUTHENTICATED == static_cast<int>(ErrorCode::kUnauthenticated));
static_assert(BANTAM_FORBIDDEN == static_cast<int>(ErrorCode::kForbidden));
static_assert(BANTAM_TOO_LARGE == static_cast<int>(ErrorCode::kTooLarge));
static_assert(BANTAM_OVERLOADED == static_cast<int>(ErrorCode::kOverloaded));
static_assert(BANTAM_OUT_OF_MEMORY == static_cast<int>(ErrorCode::kOutOfMemory));
static_assert(BANTAM_OUT_OF_DISK == static_cast<int>(ErrorCode::kOutOfDisk));
static_assert(BANTAM_DEADLINE == static_cast<int>(ErrorCode::kDeadline));
static_assert(BANTAM_CANCELLED == static_cast<int>(ErrorCode::kCancelled));
static_assert(BANTAM_UNAVAILABLE == static_cast<int>(ErrorCode::kUnavailable));
static_assert(BANTAM_INTERNAL == static_cast<int>(ErrorCode::kInternal));
static_assert(BANTAM_BAD_CONFIG == static_cast<int>(ErrorCode::kBadConfig));

}  // namespace

bantam_status Fail(ErrorCode code, std::string_view message) noexcept {
  try {
    last_message.text = message;
    last_message.fixed = nullptr;
  } catch (...) {
    last_message.fixed = "there is not enough memory, not even to say what went wrong";
  }
  return static_cast<bantam_status>(code);
}

const char* LastError() noexcept {
  return last_message.fixed != nullptr ? last_message.fixed : last_message.text.c_str();
}

Status CheckStructSize(const void* given, size_t struct_size, size_t ours, size_t since, std::string_view name) {
  if (struct_size < since || struct_size > kMaxStructBytes) {
    return Err(ErrorCode::kInvalidArgument, "struct_size of {} is {}: set it to sizeof({})", name, struct_size, name);
  }
  const auto* bytes = static_cast<const unsigned char*>(given);
  for (size_t i = ours; i < struct_size; ++i) {
    if (bytes[i] == 0) continue;
    return Err(ErrorCode::kUnsupported,
               "{} sets a member that this library, version {}, does not know (byte {}): update the library", name,
               bantam_version(), i);
  }
  return Ok();
}

Result<std::string_view> ReadText(const char* data, size_t size, std::string_view name, size_t max_bytes) {
  if (data == nullptr) {
    if (size == 0) return std::string_view();
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is NULL", name);
  }
  // Of a text without an end nothing is read beyond the limit.
  if (size == BANTAM_C_STRING) size = ::strnlen(data, max_bytes + 1);
  if (size > max_bytes) {
    return Err(ErrorCode::kTooLarge, "\"{}\" has more than {}: cut it, or split it into several", name,
               HumanBytes(max_bytes));
  }
  const std::string_view text(data, size);
  if (const auto wrong = FirstInvalidUtf8(text)) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not UTF-8: byte {} is 0x{:02x}", name, *wrong,
               static_cast<unsigned char>(text[*wrong]));
  }
  return text;
}

Result<std::string_view> ReadName(const char* text, std::string_view name) {
  if (text == nullptr) return std::string_view();
  const size_t size = ::strnlen(text, kMaxNameBytes + 1);
  if (size <= kMaxNameBytes) return std::string_view(text, size);
  return Err(ErrorCode::kTooLarge, "\"{}\" has more than {}", name, HumanBytes(kMaxNameBytes));
}

Result<int> ReadThreads(int32_t num_threads) {
  if (num_threads == BANTAM_ALL_THREADS) return ThreadPool::DefaultThreads();
  if (num_threads >= 0 && num_threads <= kMaxThreads) return std::max(1, num_threads);
  return Err(ErrorCode::kInvalidArgument, "num_threads is {}: give 1 to {}, or BANTAM_ALL_THREADS", num_threads,
             kMaxThreads);
}

}  // namespace bantam::capi

extern "C" {

const char* bantam_version(void) { return BANTAM_VERSION; }

const char* bantam_status_name(bantam_status status) {
  if (status == BANTAM_OK) return "ok";
  return bantam::ErrorCodeName(static_cast<bantam::ErrorCode>(status)).data();  // literals
}

const char* bantam_last_error(void) { return bantam::capi::LastError(); }
}
