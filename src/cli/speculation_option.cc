#include "cli/speculation_option.h"

#include <CLI/CLI.hpp>
#include <charconv>

namespace bantam::cli {
namespace {

constexpr int kMostDraft = 63;

// "auto", "off" or a number of tokens.
bool ReadLength(const std::string& text, int& length) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  return error == std::errc() && end == text.data() + text.size() && length >= 1 && length <= kMostDraft;
}

}  // namespace

void SpeculationOption::AddTo(CLI::App& app) {
  app.add_option(
         "--speculate", mode_,
         "Draft tokens and verify several at once, which leaves the text as it is: auto as far as it pays, off, "
         "or always so many")
      ->type_name("auto|off|N")
      ->check([](const std::string& text) {
        int length = 0;
        const bool fine = text == "auto" || text == "off" || ReadLength(text, length);
        return fine ? std::string()
                    : "expected auto, off or a number of tokens from 1 to " + std::to_string(kMostDraft);
      })
      ->capture_default_str();
  app.add_option("--draft", draft_,
                 "A smaller model with the same tokens that drafts, beside what prompt and text themselves foresee")
      ->type_name("MODEL|DIR|FILE");
}

SpeculationOptions SpeculationOption::Options() const {
  SpeculationOptions options;
  if (mode_ == "off") {
    options.lookup = false;
    options.max_draft = 0;
  } else if (mode_ != "auto") {
    (void)ReadLength(mode_, options.fixed_draft);
    options.max_draft = options.fixed_draft;
  }
  return options;
}

}  // namespace bantam::cli
