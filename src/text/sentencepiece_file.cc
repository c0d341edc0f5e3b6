#include "text/sentencepiece_file.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/text_util.h"
#include "text/json_part.h"

namespace bantam::text {
namespace {

constexpr size_t kMostPieces = static_cast<size_t>(Vocabulary::kMaxId) + 1;
// The work for each byte of a text is at most this; real pieces have tens of bytes.
constexpr size_t kMostPieceBytes = 4'096;

// One field of a message.
struct Field {
  uint32_t number = 0;
  uint32_t wire_type = 0;
  uint64_t value = 0;      // of a varint or a fixed number
  std::string_view bytes;  // of a length-delimited field
};

// Reads a message field by field. Groups, which nobody writes any more, are malformed here.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}
  bool AtEnd() const { return at_ == bytes_.size(); }
  size_t offset() const { return at_; }
  // False when the bytes are no message.
  bool Next(Field& field) {
    uint64_t key = 0;
    if (!Varint(key) || key >> 3 == 0 || key >> 3 > (1U << 29)) return false;
    field = {static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7), 0, {}};
    switch (field.wire_type) {
      case 0:
        return Varint(field.value);
      case 1:
        return Fixed(8, field.value);
      case 2: {
        uint64_t length = 0;
        if (!Varint(length) || length > bytes_.size() - at_) return false;
        field.bytes = bytes_.substr(at_, static_cast<size_t>(length));
        at_ += static_cast<size_t>(length);
        return true;
      }
      case 5:
        return Fixed(4, field.value);
      default:
        return false;
    }
  }

 private:
  bool Varint(uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) return false;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool Fixed(size_t length, uint64_t& value) {
    if (bytes_.size() - at_ < length) return false;
    value = 0;
    std::memcpy(&value, bytes_.data() + at_, length);
    at_ += length;
    return true;
  }
  std::string_view bytes_;
  size_t at_ = 0;
};

class ModelReader {
 public:
  explicit ModelReader(std::string_view name) : name_(name) {}

  Result<SentencePieceModel> Read(std::string_view bytes, std::span<const std::string> more_control) {
    const auto take = [this](const Field& field) -> Status {
      switch (field.number) {
        case 1:
          return ReadPiece(field);
        case 2:
          return ReadTrainer(field);
        case 3:
          return ReadNormalizer(field, false);
        case 5:
          return ReadNormalizer(field, true);
        default:
          return Ok();
      }
    };
    BANTAM_RETURN_IF_ERROR(Each(bytes, "the model", take));
    for (const std::string& piece : more_control) {
      Status added = model_.vocabulary.Add(piece, static_cast<int64_t>(model_.scores.size()));
      if (!added) return Wrong(added.error().code, "with {} beside it: {}", piece, added.error().message);
      model_.scores.push_back(0);
      model_.types.push_back(SentencePieceModel::Type::kControl);
    }
    BANTAM_RETURN_IF_ERROR(Check());
    return std::move(model_);
  }

 private:
  template <typename... Args>
  Error Wrong(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) const {
    return Error{code, fmt::format("{}: {}", name_, fmt::format(format, std::forward<Args>(args)...))};
  }

  template <typename Take>
  Status Each(std::string_view bytes, std::string_view what, const Take& take) const {
    MessageReader reader(bytes);
    Field field;
    while (!reader.AtEnd()) {
      const size_t at = reader.offset();
      if (!reader.Next(field)) {
        return Wrong(ErrorCode::kCorrupt, "{} is no SentencePiece model: it breaks off at byte {} of {}", what, at,
                     bytes.size());
      }
      BANTAM_RETURN_IF_ERROR(take(field));
    }
    return Ok();
  }

  Status Expect(const Field& field, uint32_t wire_type, std::string_view what) const {
    if (field.wire_type == wire_type) return Ok();
    return Wrong(ErrorCode::kCorrupt, "{} has wire type {}, expected {}", what, field.wire_type, wire_type);
  }

  Status ReadPiece(const Field& message) {
    const size_t id = model_.scores.size();
    const std::string what = fmt::format("pieces[{}]", id);
    BANTAM_RETURN_IF_ERROR(Expect(message, 2, what));
    if (id == kMostPieces) return Wrong(ErrorCode::kTooLarge, "has more than {} pieces", kMostPieces);
    std::string_view piece;
    float score = 0;
    uint64_t type = 1;
    const auto take = [&](const Field& field) -> Status {
      if (field.number == 1) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 2, what + ".piece"));
        piece = field.bytes;
      } else if (field.number == 2) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 5, what + ".score"));
        score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
      } else if (field.number == 3) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 0, what + ".type"));
        type = field.value;
      }
      return Ok();
    };
    BANTAM_RETURN_IF_ERROR(Each(message.bytes, what, take));
    if (piece.empty() || FirstInvalidUtf8(piece)) {
      return Wrong(ErrorCode::kCorrupt, "{}.piece is {}", what, piece.empty() ? "empty" : "not UTF-8 text");
    }
    if (piece.size() > kMostPieceBytes) {
      return Wrong(ErrorCode::kTooLarge, "{}.piece has {} bytes, the limit is {}", what, piece.size(), kMostPieceBytes);
    }
    if (!std::isfinite(score)) return Wrong(ErrorCode::kCorrupt, "{}.score is not finite", what);
    if (type < 1 || type > 6) return Wrong(ErrorCode::kUnsupported, "{}.type is {}, expected 1 to 6", what, type);
    Status added = model_.vocabulary.Add(piece, static_cast<int64_t>(id));
    if (!added) return Wrong(added.error().code, "{}: {}", what, added.error().message);
    model_.scores.push_back(score);
    model_.types.push_back(static_cast<SentencePieceModel::Type>(type));
    if (model_.types.back() == SentencePieceModel::Type::kUnknown) {
      if (model_.unknown >= 0) return Wrong(ErrorCode::kCorrupt, "{} is a second unknown piece", what);
      model_.unknown = static_cast<int32_t>(id);
    }
    return Ok();
  }

  Status ReadTrainer(const Field& message) {
    BANTAM_RETURN_IF_ERROR(Expect(message, 2, "trainer_spec"));
    return Each(message.bytes, "trainer_spec", [this](const Field& field) -> Status {
      if (field.number == 3) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 0, "trainer_spec.model_type"));
        if (field.value != 1 && field.value != 2) {
          return Wrong(ErrorCode::kUnsupported,
                       "trainer_spec.model_type is {}, this version knows 1 (unigram) and 2 (BPE)", field.value);
        }
        model_.algorithm = static_cast<SentencePieceModel::Algorithm>(field.value);
      } else if (field.number == 24) {
        model_.treat_whitespace_as_suffix = field.value != 0;
      } else if (field.number == 35) {
        model_.byte_fallback = field.value != 0;
      } else if (field.number == 44) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 2, "trainer_spec.unk_surface"));
        if (FirstInvalidUtf8(field.bytes)) return Wrong(ErrorCode::kCorrupt, "trainer_spec.unk_surface is not UTF-8");
        // A C string, to the reference.
        model_.unknown_surface = std::string(field.bytes.substr(0, field.bytes.find('\0')));
      }
      return Ok();
    });
  }

  Status ReadNormalizer(const Field& message, bool for_decoding) {
    const std::string what = for_decoding ? "denormalizer_spec" : "normalizer_spec";
    BANTAM_RETURN_IF_ERROR(Expect(message, 2, what));
    return Each(message.bytes, what, [&](const Field& field) -> Status {
      if (field.number == 2) {
        BANTAM_RETURN_IF_ERROR(Expect(field, 2, what + ".precompiled_charsmap"));
        if (field.bytes.empty()) return Ok();
        if (for_decoding) {
          return Wrong(ErrorCode::kUnsupported, "{}.precompiled_charsmap rewrites decoded text, which is not done here",
                       what);
        }
        Result<Charsmap> map = Charsmap::Parse(field.bytes);
        if (!map) return Wrong(map.error().code, "{}.precompiled_charsmap {}", what, map.error().message);
        model_.charsmap = *std::move(map);
      } else if (!for_decoding && field.number == 3) {
        model_.add_dummy_prefix = field.value != 0;
      } else if (!for_decoding && field.number == 4) {
        model_.remove_extra_whitespaces = field.value != 0;
      } else if (!for_decoding && field.number == 5) {
        model_.escape_whitespaces = field.value != 0;
      }
      return Ok();
    });
  }

  Status Check() {
    if (model_.scores.empty()) return Wrong(ErrorCode::kCorrupt, "has no pieces: it is no SentencePiece model");
    if (model_.unknown < 0) return Wrong(ErrorCode::kCorrupt, "has no unknown piece");
    if (Status finished = model_.vocabulary.Finish(""); !finished) {
      return Wrong(finished.error().code, "pieces: {}", finished.error().message);
    }
    if (!model_.byte_fallback) return Ok();
    for (int byte = 0; byte < 256; ++byte) {
      const int32_t id = model_.vocabulary.IdOf(fmt::format("<0x{:02X}>", byte));
      if (id < 0 || model_.types[static_cast<size_t>(id)] != SentencePieceModel::Type::kByte) {
        return Wrong(ErrorCode::kCorrupt, "has byte_fallback, but no byte piece <0x{:02X}>", byte);
      }
      model_.bytes.push_back(id);
    }
    return Ok();
  }

  std::string_view name_;
  SentencePieceModel model_;
};

}  // namespace

Result<SentencePieceModel> ReadSentencePieceModel(std::string_view bytes, std::string_view name,
                                                  std::span<const std::string> more_control) {
  return ModelReader(name).Read(bytes, more_control);
}

}  // namespace bantam::text
