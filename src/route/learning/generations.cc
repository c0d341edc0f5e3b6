#include "route/learning/generations.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
#include "route/learning/proposal.h"
#include "route/state_folder.h"

namespace bantam {
namespace {

constexpr int64_t kMostGenerations = int64_t{1} << 40;

std::string LinesOf(std::span<const LabelledText> texts) {
  std::string lines;
  for (const LabelledText& text : texts) {
    lines += ToJson(json::object{{"text", text.text}, {"label", text.label}});
    lines += '\n';
  }
  return lines;
}

// A file of no lines is no mistake here.
Result<std::vector<LabelledText>> ReadLines(const Path& path) {
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) == 0 && !ignored) return std::vector<LabelledText>();
  return ReadExamples(path);
}

// Traffic that was learned under an older file.
void LeaveOutUnknown(const RouteFile& file, int64_t generation, std::vector<LabelledText>& texts) {
  const size_t gone = std::erase_if(texts, [&](const LabelledText& text) {
    return text.label != kOutOfScopeLabel && file.FindRoute(text.label) == nullptr;
  });
  if (gone > 0) {
    Log(LogLevel::kWarning, "{} messages of generation {} are of routes that {} no longer has, and are left out", gone,
        generation, EscapeForTerminal(file.path.string(), 400));
  }
}

}  // namespace

LearningFiles::LearningFiles(const Path& assistant_folder)
    : state_folder(assistant_folder),
      folder(StateFiles(state_folder).learning),
      lock(folder / "lock"),
      candidates(folder / "candidates.db"),
      generations(folder / "generations.json"),
      work(folder / "work"),
      work_lock(folder / "work.lock") {}

std::vector<int64_t> Generations::Kept() const {
  std::vector<int64_t> kept = {current};
  kept.insert(kept.end(), earlier.begin(), earlier.end());
  if (challenger != 0) kept.push_back(challenger);
  if (std::ranges::find(kept, 0) == kept.end()) kept.push_back(0);
  return kept;
}

Result<Generations> ReadGenerations(const Path& state_folder) {
  const Path path = LearningFiles(state_folder).generations;
  Generations read;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return read;
  BANTAM_TRY(const std::string text, ReadFile(path, uint64_t{1} << 20));
  const auto parse = [&]() -> Status {
    const std::string name = EscapeForTerminal(path.string(), 400);
    BANTAM_TRY(const json::value document, ParseJson(text, name, {.max_depth = 4, .max_bytes = size_t{1} << 20}));
    BANTAM_TRY(const JsonObject object, JsonObject::From(document, name));
    BANTAM_TRY(read.current, object.Int("current", 0, kMostGenerations));
    BANTAM_TRY(read.challenger, object.Int("challenger", 0, kMostGenerations));
    BANTAM_TRY(read.last, object.Int("last", 0, kMostGenerations));
    BANTAM_TRY(read.looks, object.IntOr("looks", read.last, 0, kMostGenerations));
    BANTAM_TRY(read.looked_at, object.IntOr("looked_at", 0, 0, kMostGenerations));
    BANTAM_TRY(const json::array* earlier, object.Array("earlier"));
    for (const json::value& number : *earlier) {
      if (!number.is_int64() || number.get_int64() < 0)
        return Err(ErrorCode::kInvalidArgument, "{} is no list of generations", object.Where("earlier"));
      read.earlier.push_back(number.get_int64());
    }
    return Ok();
  };
  if (const Status parsed = parse(); !parsed) return Err(ErrorCode::kCorrupt, "{}", parsed.error().message);
  return read;
}

Status WriteGenerations(const Path& state_folder, const Generations& generations) {
  json::array earlier;
  for (const int64_t number : generations.earlier) earlier.push_back(number);
  return WriteFileAtomic(LearningFiles(state_folder).generations,
                         ToJson(json::object{{"current", generations.current},
                                             {"earlier", std::move(earlier)},
                                             {"challenger", generations.challenger},
                                             {"last", generations.last},
                                             {"looks", generations.looks},
                                             {"looked_at", generations.looked_at}}) +
                             "\n");
}

Status WriteLearnedTexts(const GenerationFiles& files, const LearnedTexts& texts) {
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(files.learned, LinesOf(texts.learned)));
  return WriteFileAtomic(files.audited, LinesOf(texts.audited));
}

Result<LearnedTexts> ReadLearnedTexts(const GenerationFiles& files) {
  LearnedTexts texts;
  BANTAM_TRY(texts.learned, ReadLines(files.learned));
  BANTAM_TRY(texts.audited, ReadLines(files.audited));
  return texts;
}

void RemoveOtherGenerations(const Path& state_folder, const Generations& keep) {
  const std::vector<int64_t> kept = keep.Kept();
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(LearningFiles(state_folder).folder, failed)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    if (std::ranges::find(kept, number) != kept.end()) continue;
    std::error_code stays;
    std::filesystem::remove_all(entry.path(), stays);
    if (stays) Log(LogLevel::kWarning, "{} is not removed: {}", entry.path().string(), stays.message());
  }
}

void TakeLearned(const Path& state_folder, RouteFile& file, std::optional<int64_t> generation) {
  file.generation = file.challenger = file.look = 0;
  file.learned.clear();
  file.audited.clear();
  if (!file.learning) return;
  const Result<Generations> generations = ReadGenerations(state_folder);
  if (!generations) {
    Log(LogLevel::kWarning, "{}; what was learned from traffic is not used", generations.error().message);
    return;
  }
  const int64_t wanted = generation.value_or(generations->current);
  if (!generation) file.challenger = generations->challenger;
  if (wanted == 0) return;
  const GenerationFiles files = LearningFiles(state_folder).Of(wanted);
  Result<LearnedTexts> texts = ReadLearnedTexts(files);
  if (!texts) {
    Log(LogLevel::kWarning, "{}; what was learned from traffic is not used", texts.error().message);
    return;
  }
  LeaveOutUnknown(file, wanted, texts->learned);
  LeaveOutUnknown(file, wanted, texts->audited);
  file.generation = wanted;
  file.learned = std::move(texts->learned);
  file.audited = std::move(texts->audited);
  if (const Result<Proposal> report = ReadProposal(files); report) {
    file.look = report->look;
  } else {
    Log(LogLevel::kWarning, "{}; its threshold is as strict as the latest look's", report.error().message);
    file.look = generations->looks;
  }
  if (file.learning->watch_drift && file.budget && !file.audited.empty()) file.drift = DriftRule();
}

}  // namespace bantam
