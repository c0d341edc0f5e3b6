#include "route/redis/cache_rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "route/sqlite_file.h"

namespace bantam {
namespace {

constexpr std::string_view kAnswerMark = "BnTrA1\n", kQuestionMark = "BnTrQ1\n";  // other versions, other rows
constexpr size_t kChecksumBytes = 16;
constexpr size_t kMaxFields = 4;

using Fields = std::vector<std::string_view>;

std::string_view BytesOf(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string Checksum(std::string_view mark, std::string_view key, const Fields& fields) {
  std::array<std::string_view, kMaxFields> four{};
  std::copy(fields.begin(), fields.end(), four.begin());
  return RowChecksum({mark, key, four[0], four[1], four[2], four[3]});
}

std::string Pack(std::string_view mark, std::string_view key, const Fields& fields) {
  std::string out(mark);
  out += Checksum(mark, key, fields);
  for (const std::string_view field : fields) {
    const auto size = static_cast<uint32_t>(field.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size).append(field);
  }
  return out;
}

// The fields as far as they are there.
Fields Split(std::string_view mark, std::string_view bytes, size_t count, std::string_view* rest) {
  Fields fields;
  if (!bytes.starts_with(mark) || bytes.size() < mark.size() + kChecksumBytes) return fields;
  bytes.remove_prefix(mark.size() + kChecksumBytes);
  while (fields.size() < count) {
    uint32_t size = 0;
    if (bytes.size() < sizeof size) break;
    std::memcpy(&size, bytes.data(), sizeof size);
    if (bytes.size() - sizeof size < size) break;
    fields.push_back(bytes.substr(sizeof size, size));
    bytes.remove_prefix(sizeof size + size);
  }
  *rest = bytes;
  return fields;
}

std::optional<Fields> Unpack(std::string_view mark, std::string_view key, std::string_view bytes, size_t count) {
  std::string_view rest;
  Fields fields = Split(mark, bytes, count, &rest);
  if (fields.size() != count || !rest.empty()) return std::nullopt;
  if (bytes.substr(mark.size(), kChecksumBytes) != Checksum(mark, key, fields)) return std::nullopt;
  return fields;
}

std::optional<int64_t> TimeOf(std::string_view bytes) {
  int64_t time = 0;
  if (bytes.size() != sizeof time) return std::nullopt;
  std::memcpy(&time, bytes.data(), sizeof time);
  return time;
}

}  // namespace

std::string PackAnswer(const Sha256Digest& key, const AnswerRow& row) {
  const std::string_view time(reinterpret_cast<const char*>(&row.created_us), sizeof row.created_us);
  return Pack(kAnswerMark, BytesOf(key), {time, row.epoch, row.value});
}

std::optional<AnswerRow> UnpackAnswer(const Sha256Digest& key, std::string_view bytes) {
  const auto fields = Unpack(kAnswerMark, BytesOf(key), bytes, 3);
  const auto time = fields ? TimeOf((*fields)[0]) : std::nullopt;
  if (!time) return std::nullopt;
  return AnswerRow{*time, std::string((*fields)[1]), std::string((*fields)[2])};
}

std::optional<AnswerRow> PeekAnswer(std::string_view bytes) {
  std::string_view rest;
  const Fields fields = Split(kAnswerMark, bytes, 2, &rest);
  const auto time = fields.size() == 2 ? TimeOf(fields[0]) : std::nullopt;
  if (!time) return std::nullopt;
  return AnswerRow{*time, std::string(fields[1]), {}};
}

std::string PackQuestion(const StoredQuestion& question) {
  return Pack(kQuestionMark, BytesOf(question.key),
              {BytesOf(question.partition), question.question, question.route, question.vector});
}

std::optional<StoredQuestion> UnpackQuestion(const Sha256Digest& key, std::string_view bytes) {
  const auto fields = Unpack(kQuestionMark, BytesOf(key), bytes, 4);
  if (!fields || (*fields)[0].size() != sizeof(Sha256Digest)) return std::nullopt;
  StoredQuestion question{key, {}, std::string((*fields)[1]), std::string((*fields)[2]), std::string((*fields)[3])};
  std::memcpy(question.partition.data(), (*fields)[0].data(), question.partition.size());
  return question;
}

std::optional<Sha256Digest> DigestOfHex(std::string_view hex) {
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* from = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(from, from + 2, digest[i], 16);
    if (error != std::errc() || end != from + 2) return std::nullopt;
  }
  return digest;
}

}  // namespace bantam
