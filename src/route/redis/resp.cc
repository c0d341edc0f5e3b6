#include "route/redis/resp.h"

#include <charconv>

namespace bantam {
namespace {

constexpr size_t kMaxReplyBytes = size_t{8} << 20, kMaxLine = size_t{64} << 10;
constexpr int64_t kMaxElements = 100'000;
constexpr int kMaxDepth = 4;

Error NoReply() { return Err(ErrorCode::kCorrupt, "what it sends is not Redis's protocol"); }

// One reply at the front of `bytes`. The first pass only measures (out is null), so that a reply that comes in many
// pieces is copied once.
class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : bytes_(bytes) {}

  // False: it is not all there.
  Result<bool> Scan(RedisReply* out, int depth = 0) {
    if (depth > kMaxDepth) return NoReply();
    if (at_ >= bytes_.size()) return false;
    const char kind = bytes_[at_];
    if (std::string_view("+-:$*").find(kind) == std::string_view::npos) return NoReply();
    const size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) {
      if (bytes_.size() - at_ > kMaxLine) return NoReply();
      return false;
    }
    const std::string_view line = bytes_.substr(at_ + 1, end - at_ - 1);
    if (line.size() > kMaxLine) return NoReply();
    at_ = end + 2;
    if (kind == '+' || kind == '-') {
      if (out != nullptr) *out = {kind == '+' ? RedisReply::kStatus : RedisReply::kError, std::string(line), 0, {}};
      return true;
    }
    int64_t number = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc() || stop != line.data() + line.size()) return NoReply();
    if (kind == ':') {
      if (out != nullptr) *out = {RedisReply::kInteger, {}, number, {}};
      return true;
    }
    if (number == -1) {
      if (out != nullptr) *out = {};
      return true;
    }
    return kind == '$' ? Text(number, out) : Array(number, out, depth);
  }

  size_t at() const { return at_; }

 private:
  Result<bool> Text(int64_t size, RedisReply* out) {
    if (size < 0 || size > static_cast<int64_t>(kMaxReplyBytes)) return NoReply();
    const auto length = static_cast<size_t>(size);
    if (bytes_.size() - at_ < length + 2) return false;
    if (bytes_.substr(at_ + length, 2) != "\r\n") return NoReply();
    if (out != nullptr) *out = {RedisReply::kText, std::string(bytes_.substr(at_, length)), 0, {}};
    at_ += length + 2;
    return true;
  }

  Result<bool> Array(int64_t size, RedisReply* out, int depth) {
    if (size < 0 || size > kMaxElements) return NoReply();
    if (out != nullptr) *out = {RedisReply::kArray, {}, 0, {}};
    for (int64_t i = 0; i < size; ++i) {
      if (at_ > kMaxReplyBytes) return NoReply();
      RedisReply element;
      BANTAM_TRY(const bool whole, Scan(out == nullptr ? nullptr : &element, depth + 1));
      if (!whole) return false;
      if (out != nullptr) out->elements.push_back(std::move(element));
    }
    return true;
  }

  const std::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace

std::string EncodeRedisCommand(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out.append(word).append("\r\n");
  }
  return out;
}

Result<std::optional<RedisReply>> RedisReplyReader::Next() {
  Scanner measure(buffer_);
  BANTAM_TRY(const bool whole, measure.Scan(nullptr));
  if (!whole) {
    if (buffer_.size() > kMaxReplyBytes + kMaxLine) return NoReply();
    return std::optional<RedisReply>();
  }
  std::optional<RedisReply> reply(std::in_place);
  const auto read = Scanner(buffer_).Scan(&*reply);
  if (!read) return read.error();
  buffer_.erase(0, measure.at());
  return reply;
}

}  // namespace bantam
