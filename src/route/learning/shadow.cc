#include "route/learning/shadow.h"

#include "base/log.h"
#include "route/decision.h"
#include "route/learning/proposal.h"

namespace bantam {
namespace {

Result<RouteFile> ChallengersFile(const RouteFile& file, const GenerationFiles& files) {
  BANTAM_TRY(const Proposal proposal, ReadProposal(files));
  if (proposal.route_file_sha256 != file.sha256)
    return Err(ErrorCode::kConflict, "the route file has changed since it was judged");
  BANTAM_TRY(LearnedTexts texts, ReadLearnedTexts(files));
  RouteFile theirs = file;
  theirs.generation = file.challenger;
  theirs.look = proposal.look;
  theirs.learned = std::move(texts.learned);
  theirs.audited = std::move(texts.audited);
  return theirs;
}

}  // namespace

Shadow::Shadow(RouteFile file, std::unique_ptr<IntentModel> model)
    : file_(std::move(file)), model_(std::move(model)), policy_(file_, model_->threshold(), model_->calibration()) {}

std::unique_ptr<Shadow> Shadow::Load(const RouteFile& file, const Path& state_folder,
                                     const std::shared_ptr<Embedder>& embedder, const IntentOptions& options) {
  if (!file.learning || file.challenger == 0) return nullptr;
  const GenerationFiles files = LearningFiles(state_folder).Of(file.challenger);
  const auto load = [&]() -> Result<std::unique_ptr<Shadow>> {
    BANTAM_TRY(RouteFile theirs, ChallengersFile(file, files));
    IntentOptions own = options;
    own.state_folder = files.folder;
    own.may_write = false;
    BANTAM_TRY(auto model, LoadIntentModel(theirs, embedder, own));
    return std::unique_ptr<Shadow>(new Shadow(std::move(theirs), std::move(model)));
  };
  auto shadow = load();
  if (shadow) return *std::move(shadow);
  Log(LogLevel::kWarning, "the challenger, generation {}, is not compared with the head in force: {}", file.challenger,
      shadow.error().message);
  return nullptr;
}

ShadowCounts Shadow::Compare(std::string_view text, std::span<const float> vector, std::string_view taken) const {
  const Judgement judgement = Judge(file_, policy_, model_->UnderstandVector(text, vector));
  const std::string_view theirs = judgement.route == nullptr ? std::string_view() : judgement.route->name;
  ShadowCounts counts{.messages = 1};
  counts.agreed = theirs == taken;
  counts.more = taken.empty() && !theirs.empty();
  counts.fewer = !taken.empty() && theirs.empty();
  return counts;
}

}  // namespace bantam
