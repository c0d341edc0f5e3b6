// The functions that the tables in parts.cc list, each defined in the file of its part.
#pragma once

#include "text/decoder.h"
#include "text/parts.h"
#include "text/pieces.h"

namespace bantam::text {

Result<std::unique_ptr<Normalizer>> MakeBertNormalizer(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeByteLevelNormalizer(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeLowercase(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNfc(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNfd(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNfkc(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNfkd(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNmt(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakePrecompiled(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakePrepend(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeReplace(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeNormalizerSequence(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeStrip(const JsonPart& config);
Result<std::unique_ptr<Normalizer>> MakeStripAccents(const JsonPart& config);

Result<std::unique_ptr<PreTokenizer>> MakeBertPreTokenizer(const JsonPart& config);

Result<std::unique_ptr<PreTokenizerStep>> MakeBertPreTokenizerStep(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeByteLevel(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeCharDelimiterSplit(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeDigits(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeFixedLength(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeMetaspace(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakePunctuation(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeSplit(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeStepSequence(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeWhitespace(const JsonPart& config);
Result<std::unique_ptr<PreTokenizerStep>> MakeWhitespaceSplit(const JsonPart& config);

Result<std::unique_ptr<Model>> MakeBpe(const JsonPart& config, ModelTables tables);
Result<std::unique_ptr<Model>> MakeUnigram(const JsonPart& config, ModelTables tables);
Result<std::unique_ptr<Model>> MakeWordLevel(const JsonPart& config, ModelTables tables);
Result<std::unique_ptr<Model>> MakeWordPiece(const JsonPart& config, Vocabulary vocabulary);

Result<PostProcessor> MakeBertProcessing(const JsonPart& config, const TokenNames& names);
Result<PostProcessor> MakeByteLevelProcessing(const JsonPart& config, const TokenNames& names);
Result<PostProcessor> MakePostProcessorSequence(const JsonPart& config, const TokenNames& names);
Result<PostProcessor> MakeRobertaProcessing(const JsonPart& config, const TokenNames& names);
Result<PostProcessor> MakeTemplateProcessing(const JsonPart& config, const TokenNames& names);

Result<std::unique_ptr<Decoder>> MakeBpeDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeByteFallbackDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeByteLevelDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeCtcDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeDecoderSequence(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeFuseDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeMetaspaceDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeReplaceDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeStripDecoder(const JsonPart& config);
Result<std::unique_ptr<Decoder>> MakeWordPieceDecoder(const JsonPart& config);

}  // namespace bantam::text
