// Rotary positions as the configs of decoders describe them, stretched for contexts longer than a model was first
// trained with: "linear", "llama3", "yarn" and "longrope", which has two forms.
#pragma once

#include <optional>

#include "files/model_folder.h"
#include "layers/rope.h"
#include "models/config_reader.h"
#include "models/decoder_frame.h"

namespace bantam {

struct RopeQuestion {
  std::string_view layer_type = "";           // "rope_parameters" of this type of layers, where they differ
  std::string_view theta_key = "rope_theta";  // as configs before transformers 5 have it
  double theta = 10'000;
  double rotary_share = 1;  // of a head's values, where the config does not say
  int head_dim = 0;
  int max_positions = 0;
  bool scaled = true;  // whether an old config's "rope_scaling" means these layers
};

struct RopeAnswer {
  RopeOptions options;
  int max_positions = 0;  // what the frequencies are for
  // Of "longrope": sequences of more tokens turn by these from the first token on; 0: there is one form.
  int original_positions = 0;
  RopeOptions long_options = {};
};

// One more of a decoder's kinds of rotary positions.
void AddRope(const RopeAnswer& rope, DecoderConfig& body);

// kUnsupported for other ways to stretch them.
Result<RopeAnswer> ReadRope(const JsonObject& config, const RopeQuestion& question);

// GGUF files hold what the frequencies are divided by in a tensor. Nothing to do where `source` has none of that name.
Status DivideFrequencies(WeightSource& source, std::string_view tensor, RopeOptions& options);

}  // namespace bantam
