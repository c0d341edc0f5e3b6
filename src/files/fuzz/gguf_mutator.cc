#include "files/fuzz/gguf_mutator.h"

#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

namespace bantam {
namespace {

constexpr size_t kHeader = 24;  // magic, version, number of tensors, number of keys

struct Part {
  size_t begin, end;
};

// Where the fields lie, as far as the file can be followed.
struct Layout {
  std::vector<size_t> words, longs;  // of 4 and of 8 bytes
  std::vector<Part> keys, tensors;   // whole entries
};

class Walker {
 public:
  explicit Walker(const std::string& bytes) : bytes_(bytes) {}

  Layout Walk() {
    layout_.words = {4};
    layout_.longs = {8, 16};
    const uint64_t num_tensors = Read<uint64_t>(8), num_keys = Read<uint64_t>(16);
    at_ = kHeader;
    for (uint64_t i = 0; i < num_keys && Entry(layout_.keys, &Walker::Key); ++i) {
    }
    for (uint64_t i = 0; i < num_tensors && Entry(layout_.tensors, &Walker::Tensor); ++i) {
    }
    return std::move(layout_);
  }

 private:
  template <typename T>
  T Read(size_t at) const {
    T value{};
    if (at <= bytes_.size() && sizeof value <= bytes_.size() - at)
      std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  bool Entry(std::vector<Part>& parts, bool (Walker::*read)()) {
    const size_t begin = at_;
    if (!(this->*read)()) return false;
    parts.push_back({begin, at_});
    return true;
  }
  bool Skip(uint64_t count) {
    if (count > bytes_.size() - at_) return false;
    at_ += static_cast<size_t>(count);
    return true;
  }
  bool Word(uint32_t& value) {
    layout_.words.push_back(at_);
    value = Read<uint32_t>(at_);
    return Skip(4);
  }
  bool Long(uint64_t& value) {
    layout_.longs.push_back(at_);
    value = Read<uint64_t>(at_);
    return Skip(8);
  }
  bool Text() {
    uint64_t length = 0;
    return Long(length) && Skip(length);
  }
  bool Key() {
    uint32_t type = 0;
    return Text() && Word(type) && Value(type, 0);
  }
  bool Value(uint32_t type, int depth) {
    static constexpr uint64_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type == 8) return Text();
    if (type != 9) {
      if (type >= std::size(kSizes)) return false;
      if (kSizes[type] == 4) layout_.words.push_back(at_);
      return Skip(kSizes[type]);
    }
    uint32_t element = 0;
    uint64_t count = 0;
    if (depth > 4 || !Word(element) || !Long(count)) return false;
    if (element < std::size(kSizes) && kSizes[element] > 0)
      return count <= bytes_.size() && Skip(count * kSizes[element]);
    for (uint64_t i = 0; i < count; ++i) {
      if (!Value(element, depth + 1)) return false;
    }
    return true;
  }
  bool Tensor() {
    uint32_t num_dims = 0, type = 0;
    uint64_t number = 0;
    if (!Text() || !Word(num_dims) || num_dims > 8) return false;
    for (uint32_t i = 0; i < num_dims; ++i) {
      if (!Long(number)) return false;
    }
    return Word(type) && Long(number);
  }

  const std::string& bytes_;
  size_t at_ = 0;
  Layout layout_;
};

class Mutator {
 public:
  Mutator(std::string& bytes, std::mt19937& random) : bytes_(bytes), random_(random) {}

  void Change() {
    if (bytes_.size() <= kHeader) return Flip();
    const Layout layout = Walker(bytes_).Walk();
    switch (Below(8)) {
      case 0:
      case 1:
        return Number<uint32_t>(layout.words[Below(layout.words.size())]);
      case 2:
      case 3:
        return Number<uint64_t>(layout.longs[Below(layout.longs.size())]);
      case 4:
        return Entries(layout.keys, 16);
      case 5:
        return Entries(layout.tensors, 8);
      case 6:
        return bytes_.resize(Below(bytes_.size()));
      default:
        return Flip();
    }
  }

 private:
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  void Flip() {
    if (bytes_.empty()) return;
    const size_t at = Below(bytes_.size());
    bytes_[at] = static_cast<char>(bytes_[at] ^ (1 << Below(8)));
  }

  // Another number in its place: one of interest, or one near it.
  template <typename T>
  void Number(size_t at) {
    static constexpr uint64_t kNumbers[] = {
        0,  1,   2,    3,       7,          8,          9,          12,         13,         31,        32,
        33, 255, 4096, 1 << 16, 1ULL << 31, UINT32_MAX, 1ULL << 32, 1ULL << 61, 1ULL << 63, UINT64_MAX};
    T value{};
    if (at > bytes_.size() || sizeof value > bytes_.size() - at) return;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    if (Below(2) == 0) {
      value = static_cast<T>(kNumbers[Below(std::size(kNumbers))]);
    } else {
      value = static_cast<T>(value + static_cast<T>(Below(5)) - 2);
    }
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

  // An entry twice, not at all, or in the place of another; half of the time the count at `count_at` follows.
  void Entries(const std::vector<Part>& parts, size_t count_at) {
    if (parts.empty()) return;
    const Part from = parts[Below(parts.size())], to = parts[Below(parts.size())];
    const std::string copy = bytes_.substr(from.begin, from.end - from.begin);
    int64_t more = 0;
    switch (Below(3)) {
      case 0:
        bytes_.insert(to.begin, copy);
        more = 1;
        break;
      case 1:
        bytes_.erase(from.begin, copy.size());
        more = -1;
        break;
      default:
        bytes_.replace(to.begin, to.end - to.begin, copy);
    }
    if (Below(2) == 0) return;
    uint64_t count = 0;
    std::memcpy(&count, bytes_.data() + count_at, sizeof count);
    count += static_cast<uint64_t>(more);
    std::memcpy(bytes_.data() + count_at, &count, sizeof count);
  }

  std::string& bytes_;
  std::mt19937& random_;
};

}  // namespace

std::string MutateGguf(std::string bytes, std::mt19937& random) {
  for (size_t changes = 1 + random() % 3; changes > 0; --changes) Mutator(bytes, random).Change();
  return bytes;
}

}  // namespace bantam
