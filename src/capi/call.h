// What every exported function does alike: nothing escapes it, an error becomes a status and this thread's last
// message, option structs of older and newer programs are read safely, and texts are checked.
//
//   bantam_status bantam_thing_do(bantam_thing* thing, const char* text, size_t size, int* out) {
//     return Call([&]() -> Status {
//       BANTAM_RETURN_IF_ERROR(NotNull(thing, "thing"));
//       BANTAM_TRY(const std::string_view view, ReadText(text, size, "text"));
//       ...
//     });
//   }
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "bantam/bantam.h"
#include "base/clock.h"
#include "base/result.h"

namespace bantam::capi {

// Keeps the message for bantam_last_error and gives the code's status. Never fails: without memory for the message
// there is a fixed one.
bantam_status Fail(ErrorCode code, std::string_view message) noexcept;
const char* LastError() noexcept;

template <typename Body>
bantam_status Call(Body&& body) noexcept {
  try {
    const Status status = body();
    return status ? BANTAM_OK : Fail(status.error().code, status.error().message);
  } catch (const std::bad_alloc&) {
    return Fail(ErrorCode::kOutOfMemory, "there is not enough memory for this call");
  } catch (const std::length_error&) {
    return Fail(ErrorCode::kOutOfMemory, "this call asks for more memory than there can be");
  } catch (const std::system_error& e) {  // a thread that could not be started
    return Fail(ErrorCode::kUnavailable, e.what());
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, e.what());
  } catch (...) {
    return Fail(ErrorCode::kInternal, "something was thrown that is no exception of ours");
  }
}

template <typename T>
Status NotNull(const T* pointer, std::string_view name) {
  if (pointer != nullptr) return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is NULL", name);
}

// For Options structs: the caller's, as long as it is, in a struct of ours. `since`: the size of the first version that
// was ever published, so that a forgotten struct_size is found out.
Status CheckStructSize(const void* given, size_t struct_size, size_t ours, size_t since, std::string_view name);

template <typename Options>
Result<Options> ReadOptions(const Options* given, size_t since, std::string_view name) {
  Options options{};
  if (given == nullptr) return options;
  const size_t size = given->struct_size;
  BANTAM_RETURN_IF_ERROR(CheckStructSize(given, size, sizeof(Options), since, name));
  std::memcpy(&options, given, std::min(size, sizeof(Options)));
  return options;
}
// Up to and with the last member of the first version.
#define BANTAM_SIZE_THROUGH(Struct, member) (offsetof(Struct, member) + sizeof(Struct::member))

// Well-formed UTF-8 of at most `max_bytes`. `name` is said in messages: "text", "texts[3]".
Result<std::string_view> ReadText(const char* data, size_t size, std::string_view name,
                                  size_t max_bytes = BANTAM_MAX_TEXT_BYTES);
// Short and ends with a NUL: names, paths. NULL is "".
Result<std::string_view> ReadName(const char* text, std::string_view name);

// BANTAM_ALL_THREADS or a count; 0 is 1.
Result<int> ReadThreads(int32_t num_threads);

inline MonotonicTime DeadlineAfter(uint32_t timeout_ms) {
  return timeout_ms == 0 ? MonotonicTime::max() : MonotonicNow() + std::chrono::milliseconds(timeout_ms);
}

}  // namespace bantam::capi
