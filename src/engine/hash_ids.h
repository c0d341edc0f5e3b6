// A seeded hash of token ids. Texts come from strangers: tables that are keyed by it seed it at random.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <span>

namespace bantam {

// Another number each time. The system is asked once: what std::random_device does first (cpuid) leaves a virtual
// machine, at some ten microseconds a time. The numbers between are splitmix64's.
inline uint64_t RandomSeed() {
  static std::atomic<uint64_t> state = [] {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
  }();
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  uint64_t mixed = state.fetch_add(kOdd, std::memory_order_relaxed) + kOdd;
  mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
  return mixed ^ mixed >> 31;
}

inline uint64_t HashIds(std::span<const int32_t> ids, uint64_t seed) {
  __extension__ using Wide = unsigned __int128;
  // Both halves of the product mixed; the odd constant is the golden ratio's.
  const auto fold = [](uint64_t a, uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  const auto at = [ids](size_t i) { return static_cast<uint64_t>(static_cast<uint32_t>(ids[i])); };
  uint64_t state = fold(seed ^ ids.size(), kOdd);
  size_t i = 0;
  for (; i + 2 <= ids.size(); i += 2) state = fold(state ^ (at(i) | at(i + 1) << 32), seed | 1) + kOdd;
  if (i < ids.size()) state = fold(state ^ at(i), seed | 1) + kOdd;
  return fold(state, kOdd);
}

}  // namespace bantam
