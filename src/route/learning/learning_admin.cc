#include "route/learning/learning_admin.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "base/text_util.h"
#include "learn/binomial.h"
#include "route/audit_format.h"
#include "route/decision_record.h"
#include "route/state_folder.h"
#include "route/suggest.h"

namespace bantam {
namespace {

constexpr double kCertainty = 0.95;
constexpr size_t kMostShownIds = 50;

std::string IdsText(std::span<const int64_t> ids) {
  std::string text = fmt::format("{}", fmt::join(ids.first(std::min(ids.size(), kMostShownIds)), ", "));
  if (ids.size() > kMostShownIds) text += fmt::format(" and {} more", ids.size() - kMostShownIds);
  return text;
}

Status CheckLabel(const RouteFile& file, Verdict verdict, std::string_view label) {
  if (verdict != Verdict::kRelabelled) return Ok();
  const Route* route = file.FindRoute(label);
  if (label == kOutOfScopeLabel || (route != nullptr && !route->utterances.empty())) return Ok();
  if (route != nullptr) {
    return Err(ErrorCode::kInvalidArgument, "the route \"{}\" has no examples: give the one below it that is meant",
               label);
  }
  std::vector<std::string> routes = {std::string(kOutOfScopeLabel)};
  for (const Route& each : file.routes) routes.push_back(each.name);
  return Err(ErrorCode::kInvalidArgument, "there is no route \"{}\"{}", EscapeForTerminal(label, 60),
             DidYouMean(label, routes));
}

// One record for each message that was relabelled, under its own request: who asks why finds it there.
LearningEvent Relabelled(const Candidate& candidate, std::string_view label) {
  const std::string before =
      candidate.label.empty() ? std::string("had no label")
                              : fmt::format("was \"{}\", as {} said", candidate.label,
                                            candidate.labelled_by == LabelledBy::kPerson ? "a person" : "the teacher");
  return {.outcome = std::string(VerdictName(Verdict::kRelabelled)),
          .detail = fmt::format("candidate {} {}, and is \"{}\" now", candidate.id, before, label),
          .request_id = candidate.request_id,
          .route = std::string(label),
          .question_sha256 = Sha256Hex(candidate.text)};
}

Result<std::optional<Proposal>> ReportOf(const Path& state_folder, int64_t generation) {
  if (generation == 0) return std::optional<Proposal>();
  BANTAM_TRY(Proposal proposal, ReadProposal(LearningFiles(state_folder).Of(generation)));
  return std::optional<Proposal>(std::move(proposal));
}

}  // namespace

Result<LearningStatus> ReadLearningStatus(const RouteFile& file, const Path& state_folder) {
  LearningStatus status;
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(status.generations, ReadGenerations(state_folder));
  BANTAM_TRY(status.counts, store.Counts());
  BANTAM_TRY(status.traffic, store.TrafficOfGenerations());
  BANTAM_TRY(status.shadow, store.ShadowOf(status.generations.current, status.generations.challenger));
  BANTAM_TRY(status.current, ReportOf(state_folder, status.generations.current));
  BANTAM_TRY(status.challenger, ReportOf(state_folder, status.generations.challenger));
  BANTAM_TRY(const std::vector<Candidate> audited, store.List({.audited = true, .labelled = true}));
  for (const Candidate& candidate : audited) {
    if (!candidate.answered || candidate.generation != status.generations.current) continue;
    ++status.answered;
    status.wrong += !file.IsWithin(candidate.label, candidate.guess);
  }
  if (status.answered > 0) status.upper_bound = BinomialUpperBound(status.wrong, status.answered, kCertainty);
  return status;
}

json::object StatusJson(const LearningStatus& status) {
  json::array generations, earlier;
  for (const auto& [number, traffic] : status.traffic) {
    const double rate =
        traffic.messages == 0 ? 0 : static_cast<double>(traffic.escalated) / static_cast<double>(traffic.messages);
    generations.push_back(json::object{{"generation", number},
                                       {"messages", traffic.messages},
                                       {"escalated", traffic.escalated},
                                       {"escalation_rate", rate},
                                       {"asked_back", traffic.asked_back},
                                       {"audited", traffic.audited}});
  }
  for (const int64_t number : status.generations.earlier) earlier.push_back(number);
  const CandidateCounts& c = status.counts;
  const auto report = [](const std::optional<Proposal>& proposal) {
    return proposal ? json::value(ProposalJson(*proposal)) : json::value();
  };
  return {
      {"generation", status.generations.current},
      {"earlier", std::move(earlier)},
      {"challenger", status.generations.challenger == 0 ? json::value() : json::value(status.generations.challenger)},
      {"candidates",
       {{"unlabelled", c.unlabelled},
        {"pending", c.pending},
        {"accepted", c.accepted},
        {"rejected", c.rejected},
        {"relabelled", c.relabelled}}},
      {"audited",
       {{"messages", c.audited},
        {"labelled", c.audited_labelled},
        {"answered", status.answered},
        {"wrong", status.wrong},
        {"upper_bound", status.upper_bound}}},
      {"traffic", std::move(generations)},
      {"shadow",
       {{"messages", status.shadow.messages},
        {"agreed", status.shadow.agreed},
        {"more", status.shadow.more},
        {"fewer", status.shadow.fewer}}},
      {"current_report", report(status.current)},
      {"challenger_report", report(status.challenger)}};
}

json::object CandidateJson(const Candidate& candidate) {
  json::array sources;
  if (candidate.escalated) sources.push_back("escalation");
  if (candidate.from_feedback) sources.push_back("feedback");
  if (candidate.audited > 0) sources.push_back("audit");
  return {{"id", candidate.id},
          {"text", candidate.text},
          {"label", candidate.label.empty() ? json::value() : json::value(candidate.label)},
          {"labelled_by", LabelledByName(candidate.labelled_by)},
          {"verdict", VerdictName(candidate.verdict)},
          {"sources", std::move(sources)},
          {"guess", candidate.guess},
          {"confidence", candidate.confidence},
          {"heard", candidate.heard},
          {"audited", candidate.audited},
          {"request_id", candidate.request_id},
          {"generation", candidate.generation},
          {"first", FormatTime(candidate.first_us)},
          {"last", FormatTime(candidate.last_us)}};
}

Status ReviewCandidates(const RouteFile& file, const Path& state_folder, std::span<const int64_t> ids, Verdict verdict,
                        std::string_view label) {
  BANTAM_RETURN_IF_ERROR(CheckLabel(file, verdict, label));
  if (ids.empty()) return Err(ErrorCode::kInvalidArgument, "name the candidates by their ids");
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(const std::vector<Candidate> found, store.List({.ids = ids}));
  for (const int64_t id : ids) {
    const auto candidate = std::ranges::find(found, id, &Candidate::id);
    if (candidate == found.end()) return Err(ErrorCode::kNotFound, "there is no candidate {}", id);
    if (verdict == Verdict::kAccepted && candidate->label.empty()) {
      return Err(ErrorCode::kConflict,
                 "candidate {} cannot be accepted: nobody has said yet which route it is about; give it a label", id);
    }
  }
  BANTAM_RETURN_IF_ERROR(store.Begin());
  for (const Candidate& candidate : found) {
    BANTAM_TRY(const bool judged, store.Judge(candidate.id, verdict, label));
    static_cast<void>(judged);  // it was there just now, and nobody else has the store
    if (verdict == Verdict::kRelabelled) BANTAM_RETURN_IF_ERROR(store.Note(Relabelled(candidate, label)));
  }
  if (verdict != Verdict::kRelabelled) {
    BANTAM_RETURN_IF_ERROR(
        store.Note({.outcome = "reviewed", .detail = fmt::format("{}: {}", VerdictName(verdict), IdsText(ids))}));
  }
  return store.Commit();
}

Result<int64_t> PromoteChallenger(const RouteFile& file, const Path& state_folder) {
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(Generations generations, ReadGenerations(state_folder));
  const int64_t number = generations.challenger;
  if (number == 0) return Err(ErrorCode::kNotFound, "there is no challenger; `bantam learn propose` trains one");
  BANTAM_TRY(const Proposal proposal, ReadProposal(LearningFiles(state_folder).Of(number)));
  if (!proposal.proven) return Err(ErrorCode::kConflict, "generation {} is not promoted: {}", number, proposal.why_not);
  if (proposal.route_file_sha256 != file.sha256) {
    return Err(ErrorCode::kConflict,
               "generation {} is not promoted: the route file has changed since it was judged; propose again", number);
  }
  generations.earlier.insert(generations.earlier.begin(), generations.current);
  if (std::ssize(generations.earlier) > file.learning->keep)
    generations.earlier.resize(static_cast<size_t>(file.learning->keep));
  generations.current = number;
  generations.challenger = 0;
  BANTAM_RETURN_IF_ERROR(WriteGenerations(state_folder, generations));
  RemoveOtherGenerations(state_folder, generations);
  BANTAM_RETURN_IF_ERROR(store.Note({.outcome = "promoted", .detail = HeadWords(proposal.challenger)}));
  return number;
}

Result<int64_t> RollBack(const Path& state_folder, std::optional<int64_t> generation) {
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(Generations generations, ReadGenerations(state_folder));
  std::vector<int64_t>& earlier = generations.earlier;
  if (generations.current == 0)
    return Err(ErrorCode::kNotFound, "the route file's own head is in force already; nothing came before it");
  const int64_t wanted = generation.value_or(earlier.empty() ? 0 : earlier.front());
  const auto found = std::ranges::find(earlier, wanted);
  if (found == earlier.end() && wanted != 0) {
    return Err(ErrorCode::kNotFound, "generation {} cannot be returned to; {} can", wanted,
               earlier.empty() ? "0" : fmt::format("{}", fmt::join(earlier, ", ")));
  }
  if (generations.challenger == 0) generations.challenger = generations.current;
  const int64_t before = std::exchange(generations.current, wanted);
  earlier.erase(earlier.begin(), found == earlier.end() ? found : found + 1);
  BANTAM_RETURN_IF_ERROR(WriteGenerations(state_folder, generations));
  RemoveOtherGenerations(state_folder, generations);
  BANTAM_RETURN_IF_ERROR(store.Note(
      {.outcome = "rolled back", .detail = fmt::format("from generation {} to generation {}", before, wanted)}));
  return wanted;
}

Status RecordLearning(const RouteFile& file, const Path& state_folder) {
  const Result<StateLock> nobody_else = StateLock::Acquire(state_folder);
  if (!nobody_else) return nobody_else.error().code == ErrorCode::kConflict ? Ok() : Status(nobody_else.error());
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(const std::vector<LearningEvent> events, store.Events());
  if (events.empty()) return Ok();
  BANTAM_TRY(const auto log, AuditLog::Open(StateFiles(state_folder).audit, false));
  for (const LearningEvent& event : events) {
    AuditRecord record = RecordOf(event);
    record.route_file_sha256 = file.sha256;
    BANTAM_RETURN_IF_ERROR(log->Append(std::move(record)));
    BANTAM_RETURN_IF_ERROR(store.ForgetEvent(event.id));
  }
  return Ok();
}

}  // namespace bantam
