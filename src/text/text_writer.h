// Helps normalizers and pre-tokenizers to write a NormalizedText.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "text/parts.h"
#include "text/unicode.h"

namespace bantam::text {

// The code point of the input that byte `at` of `text` stands for.
inline uint32_t SourceOf(const NormalizedText& text, size_t at) {
  return text.has_source ? text.source.data()[at] : text.first + static_cast<uint32_t>(at);
}

// A normalized text as the input of the next normalizer.
inline TextView ViewOf(const NormalizedText& text) {
  return {text.view(), text.has_source ? text.source.data() : nullptr, text.first};
}

// For each byte of a TextView its source; without `with_source` all are 0 and no table is made.
class Sources {
 public:
  Sources(const TextView& in, bool with_source) : data_(with_source ? in.source : nullptr) {
    if (!with_source || in.source != nullptr) return;
    made_.reserve(in.bytes.size());
    uint32_t next = in.first;
    for (const char byte : in.bytes) made_.push_back(IsContinuationByte(byte) ? next - 1 : next++);
    data_ = made_.data();
  }
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  uint32_t operator[](size_t at) const { return data_ == nullptr ? 0 : data_[at]; }

 private:
  std::vector<uint32_t> made_;
  const uint32_t* data_;
};

// Replaces what `out` holds, byte by byte; Finish is called last. Positions have 32 bits: should normalizers make more
// than 4 GiB of a text, what comes after is left out.
class TextWriter {
 public:
  TextWriter(NormalizedText& out, bool with_source, size_t expected) : out_(out), with_source_(with_source) {
    Grow(expected);
  }
  void Put(char byte, uint32_t source) {
    if (size_ == capacity_ && !Grow(size_ + 1)) return;
    bytes_[size_] = byte;
    if (with_source_) sources_[size_] = source;
    ++size_;
  }
  void Put(std::string_view bytes, uint32_t source) {
    if (capacity_ - size_ < bytes.size() && !Grow(size_ + bytes.size())) return;
    std::memcpy(bytes_ + size_, bytes.data(), bytes.size());
    if (with_source_) std::fill_n(sources_ + size_, bytes.size(), source);
    size_ += bytes.size();
  }
  void PutCharacter(char32_t c, uint32_t source) {
    char bytes[4];
    Put(std::string_view(bytes, EncodeUtf8(c, bytes)), source);
  }
  // As they are, with their own sources.
  void Copy(std::string_view bytes, const Sources& sources, size_t at) {
    if (capacity_ - size_ < bytes.size() && !Grow(size_ + bytes.size())) return;
    std::memcpy(bytes_ + size_, bytes.data(), bytes.size());
    if (with_source_) {
      for (size_t i = 0; i < bytes.size(); ++i) sources_[size_ + i] = sources[at + i];
    }
    size_ += bytes.size();
  }
  void Copy(const NormalizedText& from, size_t begin, size_t end) {
    const size_t length = end - begin;
    if (capacity_ - size_ < length && !Grow(size_ + length)) return;
    std::memcpy(bytes_ + size_, from.bytes.data() + begin, length);
    if (with_source_) {
      for (size_t i = 0; i < length; ++i) sources_[size_ + i] = SourceOf(from, begin + i);
    }
    size_ += length;
  }
  size_t size() const { return size_; }
  void Finish() {
    std::memset(bytes_ + size_, 0, NormalizedText::kPadding);
    out_.size = size_;
    out_.has_source = with_source_;
    out_.first = 0;
  }

 private:
  bool Grow(size_t least) {
    if (least > UINT32_MAX - 2 * NormalizedText::kPadding) return false;
    bytes_ = out_.bytes.Reserve(least + NormalizedText::kPadding, size_);
    capacity_ = out_.bytes.capacity() - NormalizedText::kPadding;
    if (with_source_) sources_ = out_.source.Reserve(capacity_, size_);
    return true;
  }

  NormalizedText& out_;
  bool with_source_;
  char* bytes_ = nullptr;
  uint32_t* sources_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Writes a text character by character as the reference's normalizers describe theirs. `change`: 0 when the character
// replaces the next one of the input, -n when it also swallows n more, above 0 when it is new and belongs to the one
// before. The reference matches by counting, not by identity, and so does this.
class Transform {
 public:
  Transform(const TextView& in, bool with_source, NormalizedText& out)
      : bytes_(in.bytes), sources_(in, with_source), writer_(out, with_source, in.bytes.size()) {}
  void Put(char32_t c, int change) {
    const size_t last = bytes_.empty() ? 0 : bytes_.size() - 1;
    const size_t at = change > 0 ? (at_ == 0 ? 0 : at_ - 1) : std::min(at_, last);
    writer_.PutCharacter(c, bytes_.empty() ? 0 : sources_[at]);
    for (int n = change; n <= 0 && at_ < bytes_.size(); ++n) Advance();
  }
  void Finish() { writer_.Finish(); }

 private:
  void Advance() {
    do ++at_;
    while (at_ < bytes_.size() && IsContinuationByte(bytes_[at_]));
  }
  std::string_view bytes_;
  Sources sources_;
  TextWriter writer_;
  size_t at_ = 0;
};

}  // namespace bantam::text
