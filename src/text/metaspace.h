// The options that the pre-tokenizer and the decoder Metaspace share.
#pragma once

#include <string>

#include "text/json_part.h"

namespace bantam::text {

struct MetaspaceOptions {
  enum class Prepend { kAlways, kFirst, kNever };
  std::string replacement;  // one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

Result<MetaspaceOptions> ReadMetaspace(const JsonPart& config);

}  // namespace bantam::text
