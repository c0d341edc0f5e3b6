// Reads JSON of a known form in one pass, without a tree: for the headers of weight files, where every error names the
// byte and a hostile header must not make us allocate more than it holds. Other JSON files go through base/json.h.
//
//   JsonCursor cursor(text, 8, "model.safetensors");
//   BANTAM_RETURN_IF_ERROR(cursor.Object("header", 255, [&](std::string key, uint64_t offset) -> Status { ... }));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

// "FILE: FIELD at byte OFFSET: WHY", kCorrupt. `file` and `field` must be safe to print.
Error FileError(std::string_view file, std::string_view field, uint64_t offset, std::string_view why);

// `text` must outlive the cursor. Strict RFC 8259; strings must be well-formed UTF-8. Not thread-safe.
class JsonCursor {
 public:
  // file: begins each error; base: where text[0] stands in that file.
  JsonCursor(std::string_view text, uint64_t base, std::string_view file) : text_(text), base_(base), file_(file) {}

  uint64_t offset() const { return base_ + at_; }
  std::string_view rest() const { return text_.substr(at_); }
  bool AtEnd() const { return at_ == text_.size(); }

  void SkipSpace();
  // Skips white space, then takes `c` if it comes next.
  bool Next(char c);
  Status Expect(char c, std::string_view field);
  // Decoded. An over-long string is refused before it is copied.
  Result<std::string> String(std::string_view field, size_t max_bytes);
  // A non-negative integer without sign, fraction, exponent or leading zero.
  Result<uint64_t> Unsigned(std::string_view field);
  // Any value, nested at most max_depth deep, checked and dropped.
  Status Skip(std::string_view field, int max_depth);

  // member(std::string key, uint64_t key_offset) -> Status reads the value. The caller looks for duplicate keys.
  template <typename Member>
  Status Object(std::string_view field, size_t max_key_bytes, Member&& member) {
    BANTAM_RETURN_IF_ERROR(Expect('{', field));
    if (Next('}')) return Ok();
    do {
      SkipSpace();
      const uint64_t key_offset = offset();
      BANTAM_TRY(std::string key, String(field, max_key_bytes));
      BANTAM_RETURN_IF_ERROR(Expect(':', field));
      BANTAM_RETURN_IF_ERROR(member(std::move(key), key_offset));
    } while (Next(','));
    return Expect('}', field);
  }

  // item() -> Status reads one item.
  template <typename Item>
  Status Array(std::string_view field, Item&& item) {
    BANTAM_RETURN_IF_ERROR(Expect('[', field));
    if (Next(']')) return Ok();
    do {
      BANTAM_RETURN_IF_ERROR(item());
    } while (Next(','));
    return Expect(']', field);
  }

  // An error at the current byte.
  Error Wrong(std::string_view field, std::string_view why) const { return FileError(file_, field, offset(), why); }

 private:
  std::string Got() const;  // the next byte, for messages
  Result<uint32_t> HexDigits(std::string_view field);
  Status Escape(std::string_view field, std::string& out);

  std::string_view text_;
  uint64_t base_;
  std::string_view file_;
  size_t at_ = 0;
};

}  // namespace bantam
