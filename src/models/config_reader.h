// Reading what configs of many architectures share. Each function names the key and the value in its error.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "files/model_folder.h"
#include "kernels/kernel_table.h"

namespace bantam {

// config.json of a model, under a name for errors.
Result<JsonObject> ConfigOf(const ModelFolder& model);

// An integer from 1 to `maximum`. The bounds that models use keep every product of two sizes, in bytes, far from
// overflow.
Result<int> ReadSize(const JsonObject& config, std::string_view key, int64_t maximum);
Result<int> ReadSizeOr(const JsonObject& config, std::string_view key, int other, int64_t maximum);

// The sizes' limits, the same for all.
struct SizeLimits {
  static constexpr int64_t kVocab = 4'000'000, kHidden = 16'384, kLayers = 512, kHeads = 1024, kIntermediate = 65'536,
                           kPositions = 131'072, kTypes = 1024;
};

// Of a decoder's sequences: its positions are computed, not rows of a table.
constexpr int64_t kDecoderPositions = int64_t{1} << 24;

Result<Activation> ReadActivation(const JsonObject& config, std::string_view key, std::string_view other);
Result<float> ReadEpsilon(const JsonObject& config, std::string_view key, double other);

// kCorrupt unless `divisor` (of key `divisor_key`) divides `value` (of `key`).
Status CheckDivides(const JsonObject& config, std::string_view key, int value, std::string_view divisor_key,
                    int divisor);

// The position table's row of the first token: after that of "pad_token_id", whose row is zero. kCorrupt when no row is
// left for a token.
Result<int> ReadPaddingOffset(const JsonObject& config, int max_position_embeddings);
Result<int> CheckPositionOffset(const JsonObject& config, int offset, int max_position_embeddings);

// kUnsupported when one of these switches is on: `why` says what is known instead.
Status RefuseTrue(const JsonObject& config, std::initializer_list<std::string_view> keys, std::string_view why);
// kUnsupported when `key` is there (and not null) with another value than `known`.
Status RequireString(const JsonObject& config, std::string_view key, std::string_view known);

// "layer_types": which layers attend within a window ("sliding_attention") and which to all ("full_attention"). Nothing
// when the key is not there.
Result<std::optional<std::vector<bool>>> ReadSlidingLayers(const JsonObject& config, int num_layers);

// Which layers of a Qwen attend within a window: "layer_types", or before transformers 5 those from "max_window_layers"
// on, if "use_sliding_window" is on.
Result<std::vector<bool>> ReadQwenLocalLayers(const JsonObject& config, int num_layers);

// theta of rotary positions: "rope_parameters" (under `layer_type` where that differs by layer, "" otherwise), else
// `old_key`, as configs before transformers 5 have it. kUnsupported for scaled rotary positions.
Result<double> ReadRopeTheta(const JsonObject& config, std::string_view layer_type, std::string_view old_key,
                             double other);

}  // namespace bantam
