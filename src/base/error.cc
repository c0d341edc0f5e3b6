#include "base/result.h"

namespace bantam {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kTooLarge:
      return "too large";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kOutOfMemory:
      return "out of memory";
    case ErrorCode::kOutOfDisk:
      return "out of disk";
    case ErrorCode::kDeadline:
      return "deadline exceeded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kBadConfig:
      return "configuration";
  }
  return "unknown";
}

std::string Error::ToString() const { return fmt::format("{}: {}", ErrorCodeName(code), message); }

}  // namespace bantam
