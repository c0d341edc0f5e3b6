#include "tasks/adapter_options.h"

#include <charconv>
#include <cmath>

#include "base/text_util.h"

namespace bantam {
namespace {

bool IsThere(std::string_view path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::path(path), ignored);
}

}  // namespace

Result<AdapterOptions> ParseAdapter(std::string_view text) {
  AdapterOptions adapter;
  std::string_view rest = text;
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && !IsThere(rest)) {
    const char* end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, adapter.scale);
    if (error == std::errc() && stop == end) rest = rest.substr(0, colon);
    if (!(std::abs(adapter.scale) <= kMostAdapterScale)) {
      return Err(ErrorCode::kInvalidArgument, "--lora \"{}\": a scale of {}, expected at most {}",
                 EscapeForTerminal(text), adapter.scale, kMostAdapterScale);
    }
  }
  if (const size_t sign = rest.find('='); sign != std::string_view::npos && !IsThere(rest)) {
    adapter.name = rest.substr(0, sign);
    rest.remove_prefix(sign + 1);
    if (adapter.name.empty()) {
      return Err(ErrorCode::kInvalidArgument, "--lora \"{}\": no name before '='", EscapeForTerminal(text));
    }
  }
  if (rest.empty()) {
    return Err(ErrorCode::kInvalidArgument, "--lora \"{}\": no file, expected PATH or NAME=PATH, with :SCALE if wanted",
               EscapeForTerminal(text));
  }
  adapter.path = rest;
  return adapter;
}

}  // namespace bantam
