#include "text/loaders.h"
namespace bantam::text {
Result<std::unique_ptr<Tokenizer>> LoadSentencePiece(std::string_view, std::string_view name) {
  return Err(ErrorCode::kUnsupported, "{}: stub", name);
}
}
