// Typed questions about a text, answered with a probability for each possible answer and not with prose: which of some
// options, yes or no, how much on a scale. Three kinds of models answer, each with what it can do:
//
//   a model that writes text     how probable each option is as its answer (decide_by_writing.cc)
//   a classifier of inference    how far the text entails each option
//   an encoder                   how near each option lies to the text
//
//   const auto decider = MakeDecider(generator);
//   BANTAM_TRY(const Decisions answer, decider->Decide({.state = ticket, .questions = questions}));
//   answer.probabilities[0]   // of the first question's options
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/embed.h"
#include "tasks/generate.h"
#include "tasks/zero_shot.h"

namespace bantam {

struct DecisionOption {
  std::string name;              // "billing"
  std::string description = {};  // "refunds, invoices"
};

struct DecisionQuestion {
  enum class Kind {
    kChoice,  // one of the options
    kYesNo,   // two options: yes and no, in this order, with or without descriptions
    kScale,   // the options are its levels, from low to high
  };
  Kind kind = Kind::kChoice;
  std::string label = {};         // what messages call it: "questions.urgent"
  std::string instructions = {};  // "Which queue?"
  std::vector<DecisionOption> options = {};
};

struct DecideCall {
  std::string_view state;  // what is asked about
  std::span<const DecisionQuestion> questions;
  CompareOptions options = {};
};

struct Decisions {
  std::vector<std::vector<double>> probabilities;  // [questions][options], each adds up to 1
  size_t input_tokens = 0;                         // of the state and the questions, as often as they were read
  size_t cached_tokens = 0;                        // of those, computed before
};

// Thread-safe. The same question about the same state gets the same bits, whatever is asked beside it.
class Decider {
 public:
  virtual ~Decider() = default;
  // Nothing is cut: kInvalidArgument for a state that the model cannot read whole, and for a question of a kind that
  // it cannot answer; the message names it.
  virtual Result<Decisions> Decide(const DecideCall& call) const = 0;
};

std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<const Generator> generator);
std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<const ZeroShotClassifier> classifier);
std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<Embedder> embedder);

// "refund_status" as words: "refund status".
std::string OptionWords(std::string_view name);

// 1 where one option has all of the probability, 0 where all have the same: (p - 1/n) / (1 - 1/n) of the likeliest. Not
// the chance of being right.
double ChoiceConfidence(std::span<const double> probabilities);
// The same of a scale, by how far the levels lie from the likeliest one, against an even spread.
double ScaleConfidence(std::span<const double> probabilities);
// The expected level, counted from 0.
double ExpectedLevel(std::span<const double> probabilities);
size_t Likeliest(std::span<const double> probabilities);  // of equal ones the first
// From log probabilities or other scores to probabilities, in place.
void NormalizeScores(std::span<double> scores);

}  // namespace bantam
