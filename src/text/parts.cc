// The tables of parts. To add one: write its file, declare its Make function in part_makers.h, add a row here.
#include "text/parts.h"

#include <fmt/ranges.h>

#include "text/part_makers.h"

namespace bantam::text {
namespace {

template <typename Made, typename... More>
struct Row {
  std::string_view type;
  Result<Made> (*make)(const JsonPart& config, More... more);
};

Result<std::unique_ptr<Model>> MakeWordPieceOfTables(const JsonPart& config, ModelTables tables) {
  return MakeWordPiece(config, std::move(tables.vocabulary));
}

constexpr Row<std::unique_ptr<Normalizer>> kNormalizers[] = {
    {"BertNormalizer", MakeBertNormalizer},
    {"ByteLevel", MakeByteLevelNormalizer},
    {"Lowercase", MakeLowercase},
    {"NFC", MakeNfc},
    {"NFD", MakeNfd},
    {"NFKC", MakeNfkc},
    {"NFKD", MakeNfkd},
    {"Nmt", MakeNmt},
    {"Precompiled", MakePrecompiled},
    {"Prepend", MakePrepend},
    {"Replace", MakeReplace},
    {"Sequence", MakeNormalizerSequence},
    {"Strip", MakeStrip},
    {"StripAccents", MakeStripAccents},
};
// Those that cut a text and nothing else, for the short way of tokenizer.cc.
constexpr Row<std::unique_ptr<PreTokenizer>> kPreTokenizers[] = {
    {"BertPreTokenizer", MakeBertPreTokenizer},
};
constexpr Row<std::unique_ptr<PreTokenizerStep>> kPreTokenizerSteps[] = {
    {"BertPreTokenizer", MakeBertPreTokenizerStep},
    {"ByteLevel", MakeByteLevel},
    {"CharDelimiterSplit", MakeCharDelimiterSplit},
    {"Digits", MakeDigits},
    {"FixedLength", MakeFixedLength},
    {"Metaspace", MakeMetaspace},
    {"Punctuation", MakePunctuation},
    {"Sequence", MakeStepSequence},
    {"Split", MakeSplit},
    {"Whitespace", MakeWhitespace},
    {"WhitespaceSplit", MakeWhitespaceSplit},
};
constexpr Row<std::unique_ptr<Model>, ModelTables> kModels[] = {
    {"BPE", MakeBpe},
    {"Unigram", MakeUnigram},
    {"WordLevel", MakeWordLevel},
    {"WordPiece", MakeWordPieceOfTables},
};
constexpr Row<PostProcessor, const TokenNames&> kPostProcessors[] = {
    {"BertProcessing", MakeBertProcessing},         {"ByteLevel", MakeByteLevelProcessing},
    {"RobertaProcessing", MakeRobertaProcessing},   {"Sequence", MakePostProcessorSequence},
    {"TemplateProcessing", MakeTemplateProcessing},
};
constexpr Row<std::unique_ptr<Decoder>> kDecoders[] = {
    {"BPEDecoder", MakeBpeDecoder},      {"ByteFallback", MakeByteFallbackDecoder},
    {"ByteLevel", MakeByteLevelDecoder}, {"CTC", MakeCtcDecoder},
    {"Fuse", MakeFuseDecoder},           {"Metaspace", MakeMetaspaceDecoder},
    {"Replace", MakeReplaceDecoder},     {"Sequence", MakeDecoderSequence},
    {"Strip", MakeStripDecoder},         {"WordPiece", MakeWordPieceDecoder},
};

// The "type" of the part, or of an old model file without one what its members say.
Result<std::string> TypeOf(const JsonPart& config) {
  if (!config.Has("type")) {
    if (config.Has("max_input_chars_per_word")) return std::string("WordPiece");
    if (config.Has("merges")) return std::string("BPE");
    if (config.Has("unk_id")) return std::string("Unigram");
  }
  return config.String("type");
}

template <typename Made, typename... More, size_t kCount>
Result<Made> Make(const Row<Made, More...> (&table)[kCount], const JsonPart& config,
                  std::type_identity_t<More>... more) {
  BANTAM_TRY(const std::string type, TypeOf(config));
  std::vector<std::string_view> known;
  for (const auto& row : table) {
    if (row.type == type) return row.make(config, std::forward<More>(more)...);
    known.push_back(row.type);
  }
  return config.Wrong(
      ErrorCode::kUnsupported, "/type",
      fmt::format("is {}, which this version cannot do; it knows: {}", QuoteForError(type), fmt::join(known, ", ")));
}

}  // namespace

Result<std::unique_ptr<Normalizer>> MakeNormalizer(const JsonPart& config) {
  if (config.IsNull()) return std::unique_ptr<Normalizer>();
  return Make(kNormalizers, config);
}

Result<std::unique_ptr<PreTokenizer>> MakePreTokenizer(const JsonPart& config) {
  if (config.IsNull()) return std::unique_ptr<PreTokenizer>();
  return Make(kPreTokenizers, config);
}

Result<std::unique_ptr<PreTokenizerStep>> MakePreTokenizerStep(const JsonPart& config) {
  if (config.IsNull()) return std::unique_ptr<PreTokenizerStep>();
  return Make(kPreTokenizerSteps, config);
}

Result<std::unique_ptr<Model>> MakeModel(const JsonPart& config, ModelTables tables) {
  return Make(kModels, config, std::move(tables));
}

Result<std::unique_ptr<Decoder>> MakeDecoder(const JsonPart& config) {
  if (config.IsNull()) return std::unique_ptr<Decoder>();
  return Make(kDecoders, config);
}

Result<PostProcessor> MakePostProcessor(const JsonPart& config, const TokenNames& names) {
  if (config.IsNull()) return PostProcessor();
  return Make(kPostProcessors, config, names);
}

}  // namespace bantam::text
