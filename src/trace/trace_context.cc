#include "trace/trace_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

namespace bantam {
namespace {

// Lower case alone, as the specification has it.
std::optional<uint64_t> ReadHex(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    const bool number = c >= '0' && c <= '9';
    if (!number && (c < 'a' || c > 'f')) return std::nullopt;
    value = value << 4 | static_cast<uint64_t>(number ? c - '0' : c - 'a' + 10);
  }
  return value;
}

// Ids need not be secret, but no two processes may draw the same ones: 256 bits of seed.
uint64_t RandomId() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::array<uint32_t, 8> words;
    std::ranges::generate(words, std::ref(device));
    std::seed_seq seed(words.begin(), words.end());
    return std::mt19937_64(seed);
  }();
  while (true) {
    if (const uint64_t id = random(); id != 0) return id;
  }
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  constexpr size_t kLength = 55;
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const auto version = ReadHex(header.substr(0, 2)), flags = ReadHex(header.substr(53, 2));
  const auto high = ReadHex(header.substr(3, 16)), low = ReadHex(header.substr(19, 16));
  const auto span = ReadHex(header.substr(36, 16));
  if (!version || !flags || !high || !low || !span) return std::nullopt;
  if (*version == 0xff || (*high == 0 && *low == 0) || *span == 0) return std::nullopt;
  if (header.size() > kLength && (*version == 0 || header[kLength] != '-')) return std::nullopt;
  return TraceContext{.trace_high = *high, .trace_low = *low, .span_id = *span, .sampled = (*flags & 1) != 0};
}

std::string FormatTraceparent(const TraceContext& context) {
  return fmt::format("00-{:016x}{:016x}-{:016x}-{}", context.trace_high, context.trace_low, context.span_id,
                     context.sampled ? "01" : "00");
}

std::string TraceIdHex(const TraceContext& context) {
  return fmt::format("{:016x}{:016x}", context.trace_high, context.trace_low);
}

std::string SpanIdHex(uint64_t span_id) { return fmt::format("{:016x}", span_id); }

TraceContext NewTrace() { return {.trace_high = RandomId(), .trace_low = RandomId(), .span_id = RandomId()}; }

uint64_t NewSpanId() { return RandomId(); }

}  // namespace bantam
