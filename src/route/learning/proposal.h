// A challenger: a head that was trained on what traffic has taught, beside the file's own examples, and what audited
// messages say of it and of the head in force. Its report lies in the generation's folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "route/learning/generations.h"
#include "tasks/embed.h"

namespace bantam {

// What a head would make of the audited messages.
struct JudgedHead {
  int64_t generation = 0;
  std::string head_sha256;          // as in records of the audit log, so early exits included
  int64_t learned = 0;              // examples that it has beside the file's
  double threshold = 0;             // of routes without one of their own; infinity: it would answer nothing
  int64_t answered = 0, wrong = 0;  // of the audited messages
  double upper_bound = 1;           // of the share of wrong answers, with a certainty of 1 - delta
  double coverage = 0;              // share of the messages that it answers
};

// "generation 4, head 3fa9...": as records of the audit log say it, and the other way round; nothing: not of that head.
std::string HeadWords(const JudgedHead& head);
std::optional<int64_t> GenerationOf(std::string_view head_sha256, std::string_view words);

struct Proposal {
  int64_t time_us = 0;
  std::string route_file_sha256;
  int64_t audited = 0;      // messages, of which each was drawn at random, whatever had been decided about it
  int64_t calibration = 0;  // lines of the file's calibration_file, which count as well where there is an error budget
  int64_t earlier = 0;      // challengers before this one
  int64_t look = 0;         // at the audited messages, counted from 1: the threshold is of this one's delta
  bool looked = true;       // false: they were too few, or hardly more than the last time; nothing is proven
  JudgedHead current, challenger;
  int64_t fresh_answered = 0, fresh_wrong = 0;  // of the head in force, on messages audited since it is in force
  double limit = 0, delta = 0;                  // the bound has to be at most `limit`, delta is this look's
  double min_coverage_gain = 0;                 // wanted where the head in force is not found to err more than that
  bool proven = false;
  std::string why_not;             // in words; empty: it is proven
  std::optional<int64_t> missing;  // audited messages that would do, at the same rate of errors
  double seconds = 0;

  double coverage_gain() const { return challenger.coverage - current.coverage; }
};

json::object ProposalJson(const Proposal& proposal);
Result<Proposal> ReadProposal(const GenerationFiles& files);
// For people, several lines.
std::string DescribeProposal(const Proposal& proposal, const RouteFile& file);

struct ProposeOptions {
  int num_threads = 0;
  std::function<void(std::string_view stage, double fraction)> progress = {};
};

// Trains a challenger on the file's examples and the candidates that may be learned from, judges it, and lays it beside
// the head in force; the one before it goes. The same candidates give the same bytes. One that is not proven is kept,
// too, to be looked at; PromoteChallenger refuses it. The file's entity models are loaded. kConflict: there is nothing
// to learn from yet, or another call is at it.
Result<Proposal> Propose(RouteFile file, const Path& state_folder, std::shared_ptr<Embedder> embedder,
                         const ProposeOptions& options);

}  // namespace bantam
