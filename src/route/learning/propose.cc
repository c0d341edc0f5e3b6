#include <algorithm>
#include <cmath>
#include <set>

#include "learn/binomial.h"
#include "learn/error_budget.h"
#include "route/budget_report.h"
#include "route/decision.h"
#include "route/head_intent_model.h"
#include "route/learning/candidate_store.h"
#include "route/learning/proposal.h"
#include "route/rehearsal.h"
#include "route/router_parts.h"
#include "route/state_folder.h"

namespace bantam {
namespace {

constexpr double kDelta = 0.05;  // with policy: threshold, which has no other
constexpr size_t kTextsAtOnce = 256;
// Looks at the same messages cost certainty: the next one is due when there are so many times as many.
constexpr double kGrowth = 1.5;

// What candidates there are, as a file takes them.
struct Material {
  LearnedTexts texts;
  std::vector<LabelledText> fresh;  // the audited ones that were first heard by the head in force
  CandidateCounts counts;
};

bool MayBeLearned(const Candidate& candidate, const LearningRule& rule) {
  return candidate.verdict == Verdict::kAccepted || candidate.verdict == Verdict::kRelabelled ||
         (!rule.review && candidate.verdict == Verdict::kPending);
}

bool IsKnown(const RouteFile& file, const std::string& label) {
  const Route* route = file.FindRoute(label);
  return label == kOutOfScopeLabel || (route != nullptr && !route->utterances.empty());
}

Result<Material> ReadMaterial(const RouteFile& file, CandidateStore& store) {
  std::set<std::string> examples;  // the file's own
  for (const Route& route : file.routes) {
    for (const std::string& text : route.utterances) examples.insert(NormalizeQuestion(text));
  }
  for (const std::string& text : file.out_of_scope) examples.insert(NormalizeQuestion(text));
  Material material;
  BANTAM_TRY(material.counts, store.Counts());
  BANTAM_TRY(const std::vector<Candidate> learnable, store.List({.audited = false, .labelled = true}));
  for (const Candidate& candidate : learnable) {
    if (MayBeLearned(candidate, *file.learning) && IsKnown(file, candidate.label) &&
        !examples.contains(NormalizeQuestion(candidate.text)))
      material.texts.learned.push_back({candidate.text, candidate.label});
  }
  BANTAM_TRY(const std::vector<Candidate> audited, store.List({.audited = true, .labelled = true}));
  for (const Candidate& candidate : audited) {
    if (candidate.verdict == Verdict::kRejected || !IsKnown(file, candidate.label)) continue;
    for (int64_t i = 0; i < candidate.audited; ++i) material.texts.audited.push_back({candidate.text, candidate.label});
    if (candidate.generation == file.generation) material.fresh.push_back({candidate.text, candidate.label});
  }
  return material;
}

Error NothingToLearn(const CandidateCounts& counts) {
  if (counts.pending > 0) {
    return Err(ErrorCode::kConflict,
               "{} candidates wait to be reviewed, and nothing is learned from them before; see `bantam learn review`",
               counts.pending);
  }
  return Err(ErrorCode::kConflict, "there is nothing to learn from yet{}",
             counts.unlabelled == 0 ? std::string()
                                    : fmt::format(": the teacher has not labelled {} messages", counts.unlabelled));
}

struct Contender {
  RouteFile file;
  std::shared_ptr<IntentModel> model;
  std::optional<DecisionPolicy> policy;
};

Status Load(Contender& contender, const std::shared_ptr<Embedder>& embedder, const Path& folder, bool may_write,
            const ProposeOptions& options) {
  BANTAM_TRY(contender.model, LoadIntentModel(contender.file, embedder,
                                              {.state_folder = folder,
                                               .may_write = may_write,
                                               .num_threads = options.num_threads,
                                               .max_disagreement = {},
                                               .progress = options.progress}));
  contender.policy.emplace(contender.file, contender.model->threshold(), contender.model->calibration());
  return Ok();
}

// As the router would decide, but for messages with several requests, which are decided as one.
Result<JudgedHead> JudgeOn(std::span<const LabelledText> messages, Contender& contender) {
  JudgedHead judged;
  judged.generation = contender.file.generation;
  judged.head_sha256 = contender.model->identity();
  judged.learned = std::ssize(contender.file.learned);
  judged.threshold = contender.policy->common().threshold;
  for (size_t begin = 0; begin < messages.size(); begin += kTextsAtOnce) {
    const std::span<const LabelledText> some = messages.subspan(begin, std::min(kTextsAtOnce, messages.size() - begin));
    std::vector<std::string> texts;
    for (const LabelledText& message : some) texts.push_back(message.text);
    BANTAM_TRY(std::vector<Understanding> all, contender.model->UnderstandAll(texts, EmbedCall(MonotonicTime::max())));
    for (size_t i = 0; i < some.size(); ++i) {
      const Judgement judgement = Judge(contender.file, *contender.policy, std::move(all[i]));
      if (judgement.route == nullptr) continue;
      ++judged.answered;
      judged.wrong += !contender.file.IsWithin(some[i].label, judgement.route->name);
    }
  }
  if (!messages.empty()) judged.coverage = static_cast<double>(judged.answered) / static_cast<double>(messages.size());
  return judged;
}

// A head that was promoted by luck, which happens with the chance delta, is not to stay because it answers much. The
// messages that it was promoted on speak for it, whatever it is worth: those that came since are asked by themselves.
bool CurrentKeepsTo(double limit, const Proposal& p) {
  const bool fresh = BinomialConfidence(p.fresh_wrong, p.fresh_answered, 1 - 2 * kDelta).low <= limit;
  return fresh && static_cast<double>(p.current.wrong) <= limit * static_cast<double>(p.current.answered);
}

// Whether the challenger errs little enough: by the certificate that its threshold comes from, or, where the file gives
// the threshold, by the exact bound at it.
void Prove(const Contender& challenger, Proposal& proposal) {
  if (!proposal.looked) return;
  JudgedHead& judged = proposal.challenger;
  const ErrorBudget wanted{proposal.limit, proposal.delta};
  Certificate certificate;
  if (challenger.policy->by_budget()) {
    certificate = challenger.policy->common().certified->certificate;
    if (certificate.supported && certificate.upper_bound > proposal.limit)
      certificate.missing = Certify(challenger.model->calibration().points, wanted).missing;
    judged.upper_bound = certificate.upper_bound;
  } else {
    std::vector<CalibrationPoint> points(static_cast<size_t>(judged.answered), {0, 1, true});
    for (int64_t i = 0; i < judged.wrong; ++i) points[static_cast<size_t>(i)].right = false;
    certificate = Certify(points, wanted);
    judged.upper_bound = judged.answered == 0 ? 1 : BinomialUpperBound(judged.wrong, judged.answered, 1 - wanted.delta);
    if (certificate.missing > 0 && judged.coverage > 0)
      certificate.missing = static_cast<int>(std::ceil(certificate.missing / judged.coverage));
  }
  if (!certificate.supported || judged.upper_bound > proposal.limit) {
    proposal.why_not = fmt::format("it is not shown to err in at most {}", PercentText(proposal.limit));
    if (certificate.missing != Certificate::kNoNumber) proposal.missing = std::max(1, certificate.missing);
  } else if (CurrentKeepsTo(proposal.limit, proposal) && proposal.coverage_gain() < proposal.min_coverage_gain) {
    proposal.why_not = fmt::format(
        "it answers {:+.1f} points of the messages more than the head in force, and {:g} are "
        "wanted",
        100 * proposal.coverage_gain(), 100 * proposal.min_coverage_gain);
  }
}

// A reload would refuse it otherwise, once it is in force.
void RunTests(const Contender& challenger, const ProposeOptions& options, Proposal& proposal) {
  if (!proposal.why_not.empty()) return;
  const auto stage = MakeRouter({.file = challenger.file, .intents = challenger.model, .offline = true});
  if (const Status passed = Rehearse(*stage, options.progress); !passed) {
    proposal.why_not = fmt::format("the route file's own tests fail with it: {}", passed.error().message);
  }
}

Proposal Compare(const Contender& current, const Contender& challenger) {
  const LearningRule& rule = *current.file.learning;
  Proposal proposal;
  proposal.time_us = WallMicros();
  proposal.route_file_sha256 = current.file.sha256;
  proposal.audited = std::ssize(challenger.file.audited);
  proposal.calibration = current.file.budget ? std::ssize(current.file.calibration) : 0;
  proposal.limit = rule.upper_bound_error;
  proposal.min_coverage_gain = rule.min_coverage_gain;
  return proposal;
}

// Whether this is a look. So few messages that none of them wrong would prove nothing are none, nor are hardly more
// than the last time: nothing is spent, and nothing is proven.
void Look(const Generations& before, double delta, Contender& challenger, Proposal& proposal) {
  proposal.look = challenger.file.look = before.looks + 1;
  proposal.delta = DeltaOfLook(delta, proposal.look);
  const int64_t messages = proposal.audited + proposal.calibration;
  const int64_t least = LeastAnswers({proposal.limit, proposal.delta});
  const auto grown = static_cast<int64_t>(std::ceil(kGrowth * static_cast<double>(before.looked_at)));
  proposal.looked = messages >= std::max(least, grown);
  if (proposal.looked) return;
  proposal.missing = std::max(least, grown) - messages;
  proposal.why_not = messages < least
                         ? fmt::format("{} audited messages at least are wanted, and there are {}", least, messages)
                         : fmt::format(
                               "the next look at audited messages is due when there are {} of them, half as many again "
                               "as at the last; there are {}",
                               grown, messages);
}

// From the work folder to its own, under a number of its own.
Status Keep(const Path& state_folder, const Contender& challenger, Proposal& proposal) {
  const LearningFiles files(state_folder);
  const GenerationFiles work(files.work);
  BANTAM_RETURN_IF_ERROR(challenger.model->head()->Save(StateFiles(work.folder).head));
  BANTAM_RETURN_IF_ERROR(WriteLearnedTexts(work, {challenger.file.learned, challenger.file.audited}));
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  BANTAM_TRY(Generations generations, ReadGenerations(state_folder));
  proposal.earlier = generations.last;
  if (proposal.looked) {
    generations.looks = proposal.look;
    generations.looked_at = proposal.audited + proposal.calibration;
  }
  proposal.challenger.generation = generations.challenger = ++generations.last;
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(work.report, ToJson(ProposalJson(proposal)) + "\n"));
  const Path folder = files.Of(generations.last).folder;
  BANTAM_RETURN_IF_ERROR(RemoveWhole(folder));
  std::error_code failed;
  std::filesystem::rename(work.folder, folder, failed);
  if (failed) return ErrnoError("rename", work.folder, failed.value());
  BANTAM_RETURN_IF_ERROR(WriteGenerations(state_folder, generations));
  RemoveOtherGenerations(state_folder, generations);
  return store.Note(
      {.outcome = proposal.proven ? "proposed" : "refused",
       .detail = fmt::format("{}: {}", HeadWords(proposal.challenger), proposal.proven ? "proven" : proposal.why_not)});
}

}  // namespace

Result<Proposal> Propose(RouteFile file, const Path& state_folder, std::shared_ptr<Embedder> embedder,
                         const ProposeOptions& options) {
  const MonotonicTime start = MonotonicNow();
  const LearningFiles files(state_folder);
  const double delta = file.budget ? file.budget->delta : kDelta;  // of all looks together
  BANTAM_TRY(const FileLock lock, FileLock::Acquire(files.work_lock, "the making of a challenger"));
  BANTAM_TRY(const Generations before, ReadGenerations(state_folder));
  TakeLearned(state_folder, file);
  Contender current{file, nullptr, {}}, challenger{std::move(file), nullptr, {}};
  Proposal proposal;
  std::vector<LabelledText> fresh;
  {
    BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
    BANTAM_TRY(Material material, ReadMaterial(current.file, store));
    if (material.texts.learned.empty()) return NothingToLearn(material.counts);
    challenger.file.learned = std::move(material.texts.learned);
    challenger.file.audited = std::move(material.texts.audited);
    fresh = std::move(material.fresh);
    proposal = Compare(current, challenger);
    Look(before, delta, challenger, proposal);
  }
  BANTAM_RETURN_IF_ERROR(RemoveWhole(files.work));  // of a run that was killed
  BANTAM_RETURN_IF_ERROR(MakeFolders(files.work));
  BANTAM_RETURN_IF_ERROR(Load(challenger, embedder, files.work, true, options));
  BANTAM_RETURN_IF_ERROR(Load(current, embedder, files.HeadFolder(current.file.generation), false, options));
  const std::vector<LabelledText>& messages = challenger.file.audited;
  BANTAM_TRY(proposal.current, JudgeOn(messages, current));
  if (proposal.current.answered > 0) {
    proposal.current.upper_bound = BinomialUpperBound(proposal.current.wrong, proposal.current.answered, 1 - delta);
  }
  if (current.file.generation > 0) {
    BANTAM_TRY(const JudgedHead since, JudgeOn(fresh, current));
    proposal.fresh_answered = since.answered;
    proposal.fresh_wrong = since.wrong;
  }
  BANTAM_TRY(proposal.challenger, JudgeOn(messages, challenger));
  Prove(challenger, proposal);
  RunTests(challenger, options, proposal);
  proposal.proven = proposal.why_not.empty();
  proposal.seconds = std::round(MillisecondsSince(start)) / 1e3;
  BANTAM_RETURN_IF_ERROR(Keep(state_folder, challenger, proposal));
  return proposal;
}

}  // namespace bantam
