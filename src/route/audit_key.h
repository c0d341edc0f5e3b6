// The key with which an audit log's texts are encrypted, and its file: 64 hexadecimal digits that only their owner may
// read.
//
//   BANTAM_TRY(const std::shared_ptr<const AuditKey> key, AuditKey::Load("audit.key"));
//   BANTAM_RETURN_IF_ERROR(OpenTexts(key.get(), record));
#pragma once

#include <memory>
#include <string>

#include "base/aead.h"
#include "base/file_io.h"
#include "route/audit_log.h"

namespace bantam {

class AuditKey {
 public:
  explicit AuditKey(const AeadKey& key);
  static Result<std::shared_ptr<const AuditKey>> Load(const Path& file);
  const AeadKey& bytes() const { return key_; }
  const std::string& id() const { return id_; }  // the beginning of its fingerprint: it tells keys apart, not more

 private:
  AeadKey key_;
  std::string id_;
};

// kConflict when the file is there: a key that is lost takes the texts with it.
Status MakeAuditKey(const Path& file);

// Encrypts the texts of a record that has its number, which they are bound to.
Status SealTexts(const AuditKey& key, AuditRecord& record);
// Puts them back; nothing to do for a record whose texts are not encrypted. kUnauthenticated without its key (null: no
// key at hand), kCorrupt when the texts were changed.
Status OpenTexts(const AuditKey* key, AuditRecord& record);

}  // namespace bantam
