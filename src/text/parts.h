// The parts that a tokenizer.json is made of, and how a text passes through them:
//
//   text -> added tokens (found in the text) -> normalizer -> added tokens (found in the normalised text)
//        -> pre-tokenizer (words) -> model (tokens) -> post-processor (special tokens around them)
//
// To support another part, write its file, declare its Make function in part_makers.h and add a row to its table in
// parts.cc. A part is immutable once made and may be used from any thread. Its work must be linear in the length of the
// text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "text/json_part.h"
#include "text/model_tables.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace bantam::text {

// A file may not make a text grow without bound, nor nest parts without end.
inline constexpr size_t kMostInsertedBytes = 64;
inline constexpr size_t kMostParts = 64;

// Storage that is written before it is read: growing does not clear what is new.
template <typename T>
class Buffer {
 public:
  // At least `count` elements, the first `keep` of them as they were.
  T* Reserve(size_t count, size_t keep) {
    if (count > capacity_) {
      const size_t capacity = count + count / 2;
      auto grown = std::make_unique_for_overwrite<T[]>(capacity);
      std::copy_n(data_.get(), keep, grown.get());
      data_ = std::move(grown);
      capacity_ = capacity;
    }
    return data_.get();
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }
  void Free() { data_.reset(), capacity_ = 0; }

 private:
  std::unique_ptr<T[]> data_;
  size_t capacity_ = 0;
};

// What a normalizer reads: well-formed UTF-8, and which code point of the input each byte stands for.
struct TextView {
  std::string_view bytes;
  const uint32_t* source =
      nullptr;  // per byte; null: the characters are those of the input one for one, from `first` on
  uint32_t first = 0;
};

// What a normalizer writes.
struct NormalizedText {
  // Bytes that may be read past the end, so that the vocabulary can load eight at a time.
  static constexpr size_t kPadding = 16;

  Buffer<char> bytes;
  size_t size = 0;
  // Offsets, when asked for: per byte, the code point of the input. Without `has_source`, byte i is code point first +
  // i.
  Buffer<uint32_t> source;
  bool has_source = false;
  uint32_t first = 0;

  std::string_view view() const { return {bytes.data(), size}; }
  // begin < end.
  TokenSpan SpanOf(uint32_t begin, uint32_t end) const {
    if (has_source) return {source.data()[begin], source.data()[end - 1] + 1};
    return {first + begin, first + end};
  }
};

struct ByteRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Takes tokens, keeps the first `limit` of them.
class TokenSink {
 public:
  TokenSink(Encoding& encoding, size_t limit, const EncodeOptions& options)
      : encoding_(encoding),
        base_(encoding.ids.size()),
        limit_(limit),
        offsets_(options.offsets),
        words_(options.words) {}

  // What comes now belongs to another word than what came.
  void BeginWord() { ++word_; }

  void Add(int32_t id, const NormalizedText& text, uint32_t begin, uint32_t end) {
    if (count_++ >= limit_) return;
    encoding_.ids.push_back(id);
    if (offsets_) encoding_.offsets.push_back(text.SpanOf(begin, end));
    if (words_) encoding_.words.push_back(word_);
  }
  void Add(int32_t id, TokenSpan span) {
    if (count_++ >= limit_) return;
    encoding_.ids.push_back(id);
    if (offsets_) encoding_.offsets.push_back(span);
    if (words_) encoding_.words.push_back(word_);
  }
  // Takes back all tokens after the first `count`.
  void Rewind(size_t count) {
    count_ = count;
    const size_t kept = base_ + std::min(count, limit_);
    if (kept >= encoding_.ids.size()) return;
    encoding_.ids.resize(kept);
    if (offsets_) encoding_.offsets.resize(kept);
    if (words_) encoding_.words.resize(kept);
  }
  size_t count() const { return count_; }

 private:
  Encoding& encoding_;
  size_t base_;
  size_t limit_;
  size_t count_ = 0;
  bool offsets_, words_;
  uint32_t word_ = 0;
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Replaces what `out` holds. `with_source`: SpanOf must work on the result. Adds its work to `steps`.
  virtual void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const = 0;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the words of `range`, in order, none of them empty.
  virtual void Split(std::string_view text, ByteRange range, std::vector<ByteRange>& words) const = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  // `find_special`: whether words that spell a special token become it. Adds its work to `steps`.
  virtual void Tokenize(const NormalizedText& text, std::span<const ByteRange> words, bool find_special,
                        TokenSink& sink, uint64_t& steps) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  // From now on Tokenize finds this token only if `find_special`.
  virtual void MakeSpecial(std::string_view token) = 0;
  virtual std::string_view kind() const = 0;
};

// One text after the other, which is of type 1.
TokenTemplate PlainPair();

// What is put around the tokens of a single text, and what becomes of their offsets.
struct PostProcessor {
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  // Once for each element: offsets leave out the white space at the ends of tokens. True: except for one space at the
  // beginning of the text, which was put there.
  std::vector<bool> trims;
  // Of two texts. Without a post-processor they follow each other; empty: they cannot be joined.
  TokenTemplate pair = PlainPair();

  TokenTemplate Single() const;
};

// Tokens by name, in the added tokens as well as in the model.
class TokenNames {
 public:
  virtual ~TokenNames() = default;
  virtual int32_t Id(std::string_view token) const = 0;  // -1 when unknown
};

// Each makes the part that `config` describes; a JSON null makes none (a null pointer, an empty PostProcessor). A type
// that is not in the table is kUnsupported and the error lists those that are.
Result<std::unique_ptr<Normalizer>> MakeNormalizer(const JsonPart& config);
Result<std::unique_ptr<PreTokenizer>> MakePreTokenizer(const JsonPart& config);
Result<std::unique_ptr<Model>> MakeModel(const JsonPart& config, ModelTables tables);
Result<PostProcessor> MakePostProcessor(const JsonPart& config, const TokenNames& names);

}  // namespace bantam::text
