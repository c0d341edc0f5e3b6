// Redis's protocol, version 2: commands to bytes, bytes to replies. What comes is not trusted: everything has a limit.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam {

// A command as it is sent: the number of its words, and each with its length.
std::string EncodeRedisCommand(std::initializer_list<std::string_view> words);

struct RedisReply {
  enum Kind { kStatus, kError, kInteger, kText, kNull, kArray } kind = kNull;
  std::string text;  // kStatus, kError, kText
  int64_t integer = 0;
  std::vector<RedisReply> elements;  // kArray

  bool IsStatus(std::string_view wanted) const { return kind == kStatus && text == wanted; }
};

// Takes bytes as they come, gives replies as they are complete.
class RedisReplyReader {
 public:
  void Feed(std::string_view bytes) { buffer_ += bytes; }
  // Nothing: more bytes are needed. kCorrupt: these are no replies, or one that is too large; nothing behind it means
  // anything.
  Result<std::optional<RedisReply>> Next();
  bool empty() const { return buffer_.empty(); }  // nothing is left over

 private:
  std::string buffer_;
};

}  // namespace bantam
