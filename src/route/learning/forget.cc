#include "route/learning/forget.h"

#include <fmt/format.h>

#include <vector>

#include "base/sha256.h"
#include "route/learning/candidate_store.h"
#include "route/learning/generations.h"
#include "route/result_cache.h"
#include "route/state_folder.h"

namespace bantam {
namespace {

// Which messages go, once the candidates have been looked through.
class Selection {
 public:
  explicit Selection(const UnwantedMessages& unwanted) : unwanted_(unwanted) {}

  bool TakesOut(const Candidate& candidate) {
    const std::string words = NormalizeQuestion(candidate.text);
    const bool goes = unwanted_.before_us
                          ? candidate.last_us < *unwanted_.before_us
                          : unwanted_.request_ids.contains(candidate.request_id) || IsUnwanted(candidate.text, words);
    (goes ? gone_ : kept_).insert(words);
    return goes;
  }
  // A line of a generation, which has neither a time nor a request.
  bool TakesOut(const std::string& text) const {
    const std::string words = NormalizeQuestion(text);
    if (gone_.contains(words)) return true;
    // A candidate that is there no more was one of the oldest.
    return unwanted_.before_us ? !kept_.contains(words) : IsUnwanted(text, words);
  }

 private:
  bool IsUnwanted(const std::string& text, const std::string& words) const {
    return unwanted_.words.contains(words) || unwanted_.question_sha256.contains(Sha256Hex(text));
  }
  const UnwantedMessages& unwanted_;
  std::set<std::string> gone_, kept_;  // by words
};

Result<int64_t> ForgetIn(const GenerationFiles& files, const Selection& selection, bool dry_run) {
  BANTAM_TRY(LearnedTexts texts, ReadLearnedTexts(files));
  const auto goes = [&](const LabelledText& text) { return selection.TakesOut(text.text); };
  const auto lines = static_cast<int64_t>(std::erase_if(texts.learned, goes) + std::erase_if(texts.audited, goes));
  if (lines == 0 || dry_run) return lines;
  BANTAM_RETURN_IF_ERROR(WriteLearnedTexts(files, texts));
  const StateFiles made(files.folder);
  for (const Path& path : {made.head, made.examples, made.calibration}) BANTAM_RETURN_IF_ERROR(RemoveWhole(path));
  return lines;
}

}  // namespace

Result<Forgotten> ForgetMessages(const Path& state_folder, const UnwantedMessages& unwanted, bool dry_run) {
  Forgotten forgotten;
  const LearningFiles files(state_folder);
  std::error_code ignored;
  if (!std::filesystem::exists(files.folder, ignored)) return forgotten;
  BANTAM_TRY(const FileLock lock, FileLock::Acquire(files.work_lock, "the making of a challenger"));
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(state_folder));
  Selection selection(unwanted);
  std::vector<int64_t> ids;
  {
    BANTAM_TRY(const std::vector<Candidate> all, store.List({}));
    for (const Candidate& candidate : all) {
      if (selection.TakesOut(candidate)) ids.push_back(candidate.id);
    }
  }
  forgotten.candidates = std::ssize(ids);
  // The generations first: when it ends in between, the candidates still tell what has to go.
  BANTAM_TRY(Generations generations, ReadGenerations(state_folder));
  for (const int64_t number : generations.Kept()) {
    if (number == 0) continue;
    BANTAM_TRY(const int64_t lines, ForgetIn(files.Of(number), selection, dry_run));
    forgotten.examples += lines;
    if (lines > 0 && number == generations.challenger && !dry_run) {
      generations.challenger = 0;
      BANTAM_RETURN_IF_ERROR(WriteGenerations(state_folder, generations));
      RemoveOtherGenerations(state_folder, generations);
    }
  }
  if (dry_run) return forgotten;
  BANTAM_RETURN_IF_ERROR(RemoveWhole(files.work));  // of a run that was killed
  if (ids.empty() && forgotten.examples == 0) return forgotten;
  BANTAM_RETURN_IF_ERROR(store.Note(
      {.outcome = "purged",
       .detail = fmt::format("{} candidates and {} examples of heads", forgotten.candidates, forgotten.examples)}));
  BANTAM_RETURN_IF_ERROR(store.Remove(ids));
  return forgotten;
}

}  // namespace bantam
