#include "cli/sampling_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <random>

#include "base/text_util.h"

namespace bantam::cli {
namespace {

struct RealParameter {
  std::string_view name, other;
  float SamplingParams::* value;
};
constexpr RealParameter kReal[] = {
    {"temperature", "", &SamplingParams::temperature},
    {"top_p", "", &SamplingParams::top_p},
    {"min_p", "", &SamplingParams::min_p},
    {"typical_p", "", &SamplingParams::typical_p},
    {"repetition_penalty", "repeat_penalty", &SamplingParams::repetition_penalty},
    {"frequency_penalty", "", &SamplingParams::frequency_penalty},
    {"presence_penalty", "", &SamplingParams::presence_penalty},
};

template <typename Number>
Status Read(std::string_view name, std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error == std::errc() && end == text.data() + text.size()) return Ok();
  return Err(ErrorCode::kInvalidArgument, "{} \"{}\" is no number that it can be", name, EscapeForTerminal(text, 40));
}

}  // namespace

void SamplingOptions::AddTo(CLI::App& app) {
  max_tokens_option_ =
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

bool SamplingOptions::has_max_tokens() const {
  return max_tokens_set_ || (max_tokens_option_ != nullptr && max_tokens_option_->count() > 0);
}

Status SamplingOptions::Set(std::string_view name, std::string_view value) {
  for (const RealParameter& parameter : kReal) {
    if (name == parameter.name || (name == parameter.other && !name.empty())) {
      return Read(name, value, sampling_.*parameter.value);
    }
  }
  if (name == "top_k") return Read(name, value, sampling_.top_k);
  if (name == "seed") return Read(name, value, seed_.emplace());
  if (name == "stop") {
    stop_.clear();
    if (!value.empty()) stop_.emplace_back(value);
    return Ok();
  }
  if (name == "max_tokens" || name == "num_predict") {
    BANTAM_RETURN_IF_ERROR(Read(name, value, max_tokens_));
    max_tokens_ = std::max(max_tokens_, 0);  // Ollama's people say -1 for "as many as fit"
    max_tokens_set_ = true;
    return Ok();
  }
  std::string names;
  for (const auto& [known, unused] : Values()) names += (names.empty() ? "" : ", ") + known;
  return Err(ErrorCode::kInvalidArgument, "there is no parameter \"{}\"; there are: {}", EscapeForTerminal(name, 40),
             names);
}

std::vector<std::pair<std::string, std::string>> SamplingOptions::Values() const {
  std::vector<std::pair<std::string, std::string>> values;
  for (const RealParameter& parameter : kReal) {
    values.emplace_back(parameter.name, fmt::format("{}", sampling_.*parameter.value));
  }
  values.emplace_back("top_k", std::to_string(sampling_.top_k));
  values.emplace_back("max_tokens", has_max_tokens() ? std::to_string(max_tokens_) : "default");
  values.emplace_back("seed", seed_ ? std::to_string(*seed_) : "new each time");
  values.emplace_back("stop", stop_.empty() ? "none" : EscapeForTerminal(stop_.front(), 40));
  return values;
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
