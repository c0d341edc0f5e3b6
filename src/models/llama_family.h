// The decoders descended from Llama, one file each.
#pragma once

#include "models/decoder.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadLlama(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadMistral(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadQwen2(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadQwen3Decoder(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadSmolLm3(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadGemma(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadGemma2(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadGemma3(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadPhi3(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadOlmo2(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadGranite(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadLfm2(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadStableLm(ModelFolder& model, const DecoderOptions& options);

}  // namespace bantam
