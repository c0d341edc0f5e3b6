// The heads that were learned from traffic, in the state folder:
//
//   learning/generations.json   which one is in force, which ones were before it, which one waits to be promoted
//   learning/7/                 a generation: the examples that it was trained on beside the file's (learned.jsonl),
//   the
//                               messages that it was judged on (audited.jsonl), report.json, and the head and the
//                               vectors as LoadIntentModel keeps them
//
// Generation 0 is the route file's own head. One rename of generations.json takes a head into force or back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "route/route_file.h"

namespace bantam {

struct Generations {
  int64_t current = 0;
  std::vector<int64_t> earlier = {};  // that were in force, the latest first
  int64_t challenger = 0;             // 0: there is none
  int64_t last = 0;                   // the largest number that was ever given
  int64_t looks = 0;                  // at audited messages, of challengers that they could have proven
  int64_t looked_at = 0;              // so many messages, the last time

  // Those whose heads are kept, the one in force first; 0 is always among them.
  std::vector<int64_t> Kept() const;
};

struct GenerationFiles {
  explicit GenerationFiles(const Path& generation_folder)
      : folder(generation_folder),
        learned(folder / "learned.jsonl"),
        audited(folder / "audited.jsonl"),
        report(folder / "report.json") {}
  Path folder, learned, audited, report;
};

struct LearningFiles {
  explicit LearningFiles(const Path& state_folder);
  GenerationFiles Of(int64_t generation) const { return GenerationFiles(folder / std::to_string(generation)); }
  // Where the head of a generation lies, and its vectors.
  Path HeadFolder(int64_t generation) const { return generation == 0 ? state_folder : Of(generation).folder; }
  Path state_folder, folder, lock, candidates, generations;
  Path work, work_lock;  // a generation that is being made, and who makes it
};

// Where nothing was learned yet, all of it is 0. kCorrupt for a file that is not ours.
Result<Generations> ReadGenerations(const Path& state_folder);
Status WriteGenerations(const Path& state_folder, const Generations& generations);

struct LearnedTexts {
  std::vector<LabelledText> learned, audited;
};
Status WriteLearnedTexts(const GenerationFiles& files, const LearnedTexts& texts);
Result<LearnedTexts> ReadLearnedTexts(const GenerationFiles& files);
// What no list names any more. Trouble is logged.
void RemoveOtherGenerations(const Path& state_folder, const Generations& keep);

// Puts what a generation has learned into the file that it belongs to, and by which look it was proven; nothing for a
// file that does not learn. Texts of routes that the file no longer has are left out. What cannot be read is served
// without, with a warning in the log: the file's own examples are always there.
// `generation`: another one than is in force, without a challenger beside it.
void TakeLearned(const Path& state_folder, RouteFile& file, std::optional<int64_t> generation = {});

}  // namespace bantam
