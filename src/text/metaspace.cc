// Metaspace: spaces become a visible character, one is put before the text, and each begins a word.
#include "text/metaspace.h"

#include "text/part_makers.h"
#include "text/pieces.h"

namespace bantam::text {
namespace {

class Metaspace final : public PreTokenizerStep {
 public:
  explicit Metaspace(MetaspaceOptions options) : options_(std::move(options)) {}

  bool needs_source() const override { return options_.prepend == MetaspaceOptions::Prepend::kFirst; }

  void Apply(Pieces& pieces) const override {
    const std::string& mark = options_.replacement;
    pieces.RewriteEach([&](const Piece& piece, TextWriter& writer) {
      const std::string_view bytes = pieces.BytesOf(piece);
      const bool has_mark = bytes[0] == ' ' || bytes.starts_with(mark);
      const bool prepends =
          !has_mark && (options_.prepend == MetaspaceOptions::Prepend::kAlways ||
                        (options_.prepend == MetaspaceOptions::Prepend::kFirst && pieces.SourceBegin(piece) == 0));
      if (prepends) writer.Put(mark, SourceOf(pieces.text, piece.begin));
      for (uint32_t i = piece.begin; i < piece.end; ++i) {
        const char byte = pieces.text.bytes.data()[i];
        const uint32_t source = SourceOf(pieces.text, i);
        if (byte == ' ') {
          writer.Put(mark, source);
        } else {
          writer.Put(byte, source);
        }
      }
    });
    if (!options_.split) return;
    pieces.CutEach([&](const Piece& piece, std::vector<Piece>& out) {
      const auto next = [&mark](std::string_view text, size_t from) -> Found {
        const size_t at = text.find(mark, from);
        if (at == std::string_view::npos) return {text.size(), text.size()};
        return {at, at + mark.size()};
      };
      CutAtDelimiters(pieces, piece, DelimiterBehavior::kMergedWithNext, false, next, out);
    });
  }

 private:
  MetaspaceOptions options_;
};

}  // namespace

Result<MetaspaceOptions> ReadMetaspace(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(
      config.CheckMembers({"type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"}));
  MetaspaceOptions options;
  BANTAM_TRY(options.replacement, config.String("replacement"));
  if (options.replacement.empty() || CountCodePoints(options.replacement) != 1) {
    return config.Wrong(ErrorCode::kCorrupt, "/replacement",
                        fmt::format("is {}, expected one character", QuoteForError(options.replacement)));
  }
  if (config.Has("prepend_scheme")) {
    BANTAM_TRY(const std::string scheme, config.String("prepend_scheme"));
    if (scheme == "always") {
      options.prepend = MetaspaceOptions::Prepend::kAlways;
    } else if (scheme == "first") {
      options.prepend = MetaspaceOptions::Prepend::kFirst;
    } else if (scheme == "never") {
      options.prepend = MetaspaceOptions::Prepend::kNever;
    } else {
      return config.Wrong(ErrorCode::kUnsupported, "/prepend_scheme",
                          fmt::format("is {}, expected always, first or never", QuoteForError(scheme)));
    }
  }
  BANTAM_TRY(const std::optional<bool> prefix, config.BoolOrNull("add_prefix_space"));
  if (prefix == false) {
    if (config.Has("prepend_scheme") && options.prepend != MetaspaceOptions::Prepend::kNever) {
      return config.Wrong(ErrorCode::kCorrupt, "/add_prefix_space", "is false, which prepend_scheme contradicts");
    }
    // The reference takes a file without prepend_scheme for one that says "always" and refuses it.
    options.prepend = MetaspaceOptions::Prepend::kNever;
  }
  BANTAM_TRY(const std::optional<bool> split, config.BoolOrNull("split"));
  options.split = split.value_or(true);
  return options;
}

Result<std::unique_ptr<PreTokenizerStep>> MakeMetaspace(const JsonPart& config) {
  BANTAM_TRY(MetaspaceOptions options, ReadMetaspace(config));
  return std::make_unique<Metaspace>(std::move(options));
}

}  // namespace bantam::text
