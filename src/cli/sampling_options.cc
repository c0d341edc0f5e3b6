#include "cli/sampling_options.h"

#include <CLI/CLI.hpp>
#include <random>

namespace bantam::cli {

void SamplingOptions::AddTo(CLI::App& app) {
  app.add_option("--max-tokens,-n", max_tokens_, "At most so many tokens of text; 0: as many as fit")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--temperature", sampling_.temperature, "How far to leave the most probable token; 0: not at all")
      ->capture_default_str();
  app.add_option("--top-k", sampling_.top_k, "Only the so many most probable tokens; 0: all")->capture_default_str();
  app.add_option("--top-p", sampling_.top_p, "Only the fewest tokens whose probabilities add up to this")
      ->capture_default_str();
  app.add_option("--min-p", sampling_.min_p, "Only tokens with this share of the largest probability")
      ->capture_default_str();
  app.add_option("--typical-p", sampling_.typical_p, "Only the tokens closest to the expected surprise, up to this sum")
      ->capture_default_str();
  app.add_option("--repetition-penalty", sampling_.repetition_penalty, "Above 1: against tokens of prompt and text")
      ->capture_default_str();
  app.add_option("--frequency-penalty", sampling_.frequency_penalty, "For each time that a token is in the text")
      ->capture_default_str();
  app.add_option("--presence-penalty", sampling_.presence_penalty, "Once for a token that is in the text")
      ->capture_default_str();
  app.add_option("--seed", seed_, "The same seed, the same text; by default a new one each time");
  app.add_option("--stop", stop_, "Ends the text, and is not shown; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--texts", n_, "So many texts for the same prompt (with --json)")
      ->check(CLI::Range(1, 128))
      ->capture_default_str();
  app.add_flag("--ignore-eos", ignore_eos_, "Go on after the model's own end of text");
}

GenerateCall SamplingOptions::Call() const {
  GenerateCall call{
      .sampling = sampling_, .max_tokens = max_tokens_, .stop = stop_, .ignore_eos = ignore_eos_, .n = n_};
  if (seed_) {
    call.sampling.seed = *seed_;
  } else {
    std::random_device random;
    call.sampling.seed = random();  // 32 bits, so that it can be typed
  }
  return call;
}

}  // namespace bantam::cli
