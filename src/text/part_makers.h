// The functions that the tables in parts.cc list, each defined in the file of its part.
#pragma once

#include "text/parts.h"

namespace bantam::text {

Result<std::unique_ptr<Normalizer>> MakeBertNormalizer(const JsonPart& config);
Result<std::unique_ptr<PreTokenizer>> MakeBertPreTokenizer(const JsonPart& config);
Result<std::unique_ptr<Model>> MakeWordPiece(const JsonPart& config, Vocabulary vocabulary);
Result<PostProcessor> MakeTemplateProcessing(const JsonPart& config, const TokenNames& names);

}  // namespace bantam::text
