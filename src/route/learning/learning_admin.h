// What people do about what was learned: look, judge candidates, take a challenger into force, go back. Works whether a
// server of the assistant runs or not; one that runs takes another head with its next reload. Everything done leaves a
// record in the audit log, which a running server writes.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "route/learning/candidate_store.h"
#include "route/learning/proposal.h"

namespace bantam {

struct LearningStatus {
  Generations generations;
  CandidateCounts counts;
  std::map<int64_t, Traffic> traffic;           // by generation
  std::optional<Proposal> current, challenger;  // the reports of these generations; none: the file's own head, nobody
  // Of the audited messages that the head in force has answered itself.
  int64_t answered = 0, wrong = 0;
  double upper_bound = 1;  // of the share of wrong ones, 95 % certain
  ShadowCounts shadow;     // of the challenger beside it
};
Result<LearningStatus> ReadLearningStatus(const RouteFile& file, const Path& state_folder);
json::object StatusJson(const LearningStatus& status);
json::object CandidateJson(const Candidate& candidate);

// Accepts, rejects or relabels; a label is a route's name or "oos", and goes with kRelabelled. All of them or, on an
// error, none. kNotFound for an id that there is not, kInvalidArgument for a route that the file does not have,
// kConflict for one that nobody has labelled yet and that is to be accepted.
Status ReviewCandidates(const RouteFile& file, const Path& state_folder, std::span<const int64_t> ids, Verdict verdict,
                        std::string_view label = {});

// The generation that is in force from the next load of the assistant on.
// kNotFound: there is no challenger. kConflict: it is not proven, or the route file has changed since.
Result<int64_t> PromoteChallenger(const RouteFile& file, const Path& state_folder);
// To the one before, or to `generation`: one that was in force, or 0. kNotFound: there is none such. What was in force
// becomes the challenger where there is none.
Result<int64_t> RollBack(const Path& state_folder, std::optional<int64_t> generation);

// Where no server runs: what was done becomes records of the audit log now. Otherwise the server sees to it.
Status RecordLearning(const RouteFile& file, const Path& state_folder);

}  // namespace bantam
