#include "route/audit_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/base64.h"
#include "base/random_bytes.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "route/audit_format.h"

namespace bantam {
namespace {

std::string Name(const Path& file) { return EscapeForTerminal(file.string(), 400); }

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Texts that are moved to another record do not open there.
std::string Context(const AuditRecord& record) { return fmt::format("bantam audit record {}", record.sequence); }

}  // namespace

AuditKey::AuditKey(const AeadKey& key) : key_(key) {
  Sha256 hash;
  hash.Update("bantam audit key id").Update({reinterpret_cast<const char*>(key.data()), key.size()});
  id_ = HexOf(hash.Finish()).substr(0, 16);
}

Result<std::shared_ptr<const AuditKey>> AuditKey::Load(const Path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno != ENOENT) return ErrnoError("inspect", file, errno);
    return Err(ErrorCode::kNotFound, "there is no key file {}; make one with 'bantam key audit FILE'", Name(file));
  }
  if ((info.st_mode & 0077) != 0) {
    return Err(ErrorCode::kForbidden, "others than its owner may read or change the key file {}; run 'chmod 600' on it",
               Name(file));
  }
  BANTAM_TRY(std::string text, ReadFile(file, 4'096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  AeadKey key{};
  bool good = text.size() == 2 * key.size();
  for (size_t i = 0; good && i < key.size(); ++i) {
    const int high = Digit(text[2 * i]), low = Digit(text[2 * i + 1]);
    good = high >= 0 && low >= 0;
    key[i] = static_cast<unsigned char>(16 * high + low);
  }
  if (!good) {
    return Err(ErrorCode::kInvalidArgument,
               "the key file {} holds {} characters, expected {} hexadecimal digits; make one with 'bantam key audit "
               "FILE'",
               Name(file), text.size(), 2 * key.size());
  }
  return std::make_shared<const AuditKey>(key);
}

Status MakeAuditKey(const Path& file) {
  AeadKey key{};
  BANTAM_RETURN_IF_ERROR(FillRandom(key));
  if (file.has_parent_path()) BANTAM_RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid() && errno == EEXIST) {
    return Err(ErrorCode::kConflict,
               "{} exists, and what was encrypted with a key can be read with nothing else; name another file",
               Name(file));
  }
  if (!fd.valid()) return ErrnoError("create", file, errno);
  BANTAM_RETURN_IF_ERROR(WriteAll(fd.get(), HexOf(key) + "\n", file));
  if (::fsync(fd.get()) != 0) return ErrnoError("sync", file, errno);
  return Ok();
}

Status SealTexts(const AuditKey& key, AuditRecord& record) {
  const std::string texts = FormatAuditTexts(record);
  if (texts.empty()) return Ok();
  BANTAM_TRY(const std::string sealed, Seal(key.bytes(), Context(record), texts));
  AppendBase64(std::as_bytes(std::span(sealed)), record.sealed);
  record.key_id = key.id();
  return Ok();
}

Status OpenTexts(const AuditKey* key, AuditRecord& record) {
  if (record.sealed.empty()) return Ok();
  if (key == nullptr || key->id() != record.key_id) {
    return Err(ErrorCode::kUnauthenticated, "the texts of record {} are encrypted with the key {}{}", record.sequence,
               EscapeForTerminal(record.key_id, 20),
               key == nullptr ? std::string("; name its file with --key-file, or the route file that does with -c")
                              : fmt::format(", and this is {}; name its file with --key-file", key->id()));
  }
  const auto sealed = DecodeBase64(record.sealed);
  const auto texts = sealed ? Unseal(key->bytes(), Context(record), *sealed) : std::nullopt;
  if (!texts) {
    return Err(ErrorCode::kCorrupt, "the encrypted texts of record {} were changed; see 'bantam audit verify'",
               record.sequence);
  }
  record.sealed.clear();
  return ParseAuditTexts(*texts, fmt::format("the texts of record {}", record.sequence), record);
}

}  // namespace bantam
