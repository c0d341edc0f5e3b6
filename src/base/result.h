// Errors as values. A function that input, files, the network or load can make fail returns Result<T>.
//
//   Result<Config> ReadConfig(const Path& path) {
//     BANTAM_TRY(std::string text, ReadFile(path));     // returns the error to our caller
//     if (text.empty()) return Err(ErrorCode::kCorrupt, "{}: the file is empty", path.string());
//     ...
//   }
//
// The member names are those of std::expected (C++23), which gcc 12 lacks in C++20 mode.
#pragma once

#include <fmt/core.h>

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace bantam {

// A short closed list. api/error_map.cc turns it into HTTP statuses, cli/exit_code.cc into exit codes.
enum class ErrorCode {
  kInvalidArgument = 1,  // the caller's request is wrong
  kNotFound,             // a named thing does not exist
  kUnsupported,          // well formed, but not something we do
  kCorrupt,              // bytes on disk or on the wire that break their format
  kConflict,             // the state does not allow it now (already exists, locked)
  kUnauthenticated,
  kForbidden,
  kTooLarge,
  kOverloaded,  // a bounded queue is full; try again later
  kOutOfMemory,
  kOutOfDisk,
  kDeadline,
  kCancelled,
  kUnavailable,  // a dependency (upstream, file system, network) failed
  kInternal,     // our bug
  kBadConfig,    // a configuration file (the route file) is wrong; the message names file, line and mend
};

std::string_view ErrorCodeName(ErrorCode code);

// The message names the thing, the value and the mend, in one line, safe to print on a terminal.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::source_location where = std::source_location::current();

  // "corrupt: model.safetensors: ..."
  std::string ToString() const;
};

template <typename... Args>
struct ErrFormat {  // carries the caller's location past the parameter pack
  fmt::format_string<Args...> text;
  std::source_location where;
  template <typename S>
  consteval ErrFormat(const S& s, std::source_location w = std::source_location::current()) : text(s), where(w) {}
};

template <typename... Args>
Error Err(ErrorCode code, ErrFormat<std::type_identity_t<Args>...> format, Args&&... args) {
  return Error{code, fmt::format(format.text, std::forward<Args>(args)...), format.where};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // Result<std::unique_ptr<Base>> from std::unique_ptr<Derived> and the like.
  template <typename U>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return Check(), std::get<0>(state_); }
  const T& value() const& { return Check(), std::get<0>(state_); }
  T&& value() && { return Check(), std::move(std::get<0>(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T other) const& { return has_value() ? value() : std::move(other); }

  Error& error() & { return CheckError(), std::get<1>(state_); }
  const Error& error() const& { return CheckError(), std::get<1>(state_); }
  Error&& error() && { return CheckError(), std::move(std::get<1>(state_)); }

 private:
  void Check() const { BANTAM_CHECK(has_value(), "value() of a failed Result: {}", std::get<1>(state_).message); }
  void CheckError() const { BANTAM_CHECK(!has_value(), "error() of a successful Result"); }
  std::variant<T, Error> state_;
};

// Success or an error, nothing else.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& { return CheckError(), *error_; }
  Error&& error() && { return CheckError(), std::move(*error_); }

 private:
  void CheckError() const { BANTAM_CHECK(!has_value(), "error() of a successful Result"); }
  std::optional<Error> error_;
};

using Status = Result<void>;
inline Status Ok() { return {}; }

}  // namespace bantam

#define BANTAM_CONCAT_INNER(a, b) a##b
#define BANTAM_CONCAT(a, b) BANTAM_CONCAT_INNER(a, b)

// BANTAM_TRY(auto x, F()): x is F()'s value, or we return F()'s error.
#define BANTAM_TRY(declaration, ...)                                                                               \
  auto BANTAM_CONCAT(bantam_result_, __LINE__) = (__VA_ARGS__);                                                    \
  if (!BANTAM_CONCAT(bantam_result_, __LINE__)) return std::move(BANTAM_CONCAT(bantam_result_, __LINE__)).error(); \
  declaration = *std::move(BANTAM_CONCAT(bantam_result_, __LINE__))

// BANTAM_RETURN_IF_ERROR(F()): for Status, or where the value is not wanted.
#define BANTAM_RETURN_IF_ERROR(...)                                                                     \
  do {                                                                                                  \
    if (auto bantam_status_ = (__VA_ARGS__); !bantam_status_) return std::move(bantam_status_).error(); \
  } while (false)
