#include "route/requests.h"

#include <algorithm>
#include <array>

#include "route/actions/action.h"
#include "route/forms/words.h"

namespace bantam {
namespace {

constexpr size_t kMostCuts = 4, kFewestWords = 2;
constexpr size_t kMostBytes = 1'000;  // a longer text is a story, not a list of requests
// The whole is one request where it is so many times surer than its less sure half (requests_clinc_test.cc: a quarter
// of the lines that would be torn apart are not, for one pair in fifty).
constexpr float kMuchSurer = 20;
constexpr std::array<std::string_view, 6> kJoints = {"and", "then", "also", "plus", "afterwards", "additionally"};

bool IsJoint(const Word& word) { return std::find(kJoints.begin(), kJoints.end(), word.text) != kJoints.end(); }

bool EndsASentence(std::string_view gap) { return gap.find_first_of(".?!;\n") != std::string_view::npos; }

std::string Cut(std::string_view text, std::span<const Word> words) {
  // With the final sign of a question: encoders read it.
  const size_t end = words.back().end;
  const bool question = end < text.size() && text[end] == '?';
  return std::string(text.substr(words.front().begin, end + (question ? 1 : 0) - words.front().begin));
}

// "I want a form filled in" can be said once at a time, and the same request twice is one.
bool FitTogether(const RouteFile& file, const Route& a, const Route& b) {
  if (file.IsWithin(a.name, b.name) || file.IsWithin(b.name, a.name)) return false;
  return a.action->FormToStart().empty() || b.action->FormToStart().empty();
}

bool AreRequests(const RouteFile& file, std::span<const JudgedPart> parts, std::string_view likeliest) {
  bool pointed_to = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    pointed_to = pointed_to || file.IsWithin(likeliest, parts[i].route->name);
    for (size_t j = 0; j < i; ++j) {
      if (!FitTogether(file, *parts[i].route, *parts[j].route)) return false;
    }
  }
  return pointed_to;
}

}  // namespace

std::vector<Halves> WaysToCut(std::string_view text) {
  std::vector<Halves> ways;
  if (text.size() > kMostBytes) return ways;
  const std::vector<Word> words = SplitWords(text);
  const std::span<const Word> all(words);
  for (size_t i = 1; i < words.size() && ways.size() < kMostCuts; ++i) {
    const std::string_view gap = text.substr(words[i - 1].end, words[i].begin - words[i - 1].end);
    if (!IsJoint(words[i]) && !EndsASentence(gap)) continue;
    size_t second = i;
    while (second < words.size() && IsJoint(words[second])) ++second;
    if (i >= kFewestWords && words.size() - second >= kFewestWords)
      ways.push_back({Cut(text, all.first(i)), Cut(text, all.subspan(second))});
    i = std::max(i, second);
  }
  return ways;
}

Result<std::vector<JudgedPart>> FindRequests(const RouteFile& file, std::string_view text, const Judgement& whole,
                                             const JudgeTexts& judge, int most) {
  if (most < 2) return std::vector<JudgedPart>();
  const std::vector<Halves> ways = WaysToCut(text);
  if (ways.empty() || !whole.understanding.foreign_script.empty()) return std::vector<JudgedPart>();
  std::vector<std::string> texts;
  for (const Halves& way : ways) {
    texts.push_back(way.first);
    texts.push_back(way.second);
  }
  BANTAM_TRY(const std::vector<Judgement> judged, judge(texts));
  std::vector<JudgedPart> best;
  float surety = -1;
  for (size_t i = 0; i < ways.size(); ++i) {
    const Judgement &first = judged[2 * i], &second = judged[2 * i + 1];
    if (first.route == nullptr) continue;
    // The second half may hold further ones, sure enough only each by itself.
    BANTAM_TRY(std::vector<JudgedPart> parts, FindRequests(file, ways[i].second, second, judge, most - 1));
    if (parts.empty() && second.route != nullptr) parts.push_back({ways[i].second, second.route, second.confidence});
    parts.insert(parts.begin(), {ways[i].first, first.route, first.confidence});
    const float least = std::ranges::min_element(parts, {}, &JudgedPart::confidence)->confidence;
    if (whole.route != nullptr && kMuchSurer * (1 - whole.confidence) < 1 - least) continue;
    if (parts.size() < 2 || least <= surety || !AreRequests(file, parts, whole.understanding.route)) continue;
    best = std::move(parts);
    surety = least;
  }
  return best;
}

Result<Judgement> JudgeMessage(const RouteFile& file, const DecisionPolicy& policy, IntentModel& intents,
                               std::string_view text, Understanding understanding, MonotonicTime deadline) {
  Judgement judgement = Judge(file, policy, std::move(understanding));
  const JudgeTexts judge = [&](std::span<const std::string> texts) -> Result<std::vector<Judgement>> {
    BANTAM_TRY(std::vector<Understanding> all, intents.UnderstandAll(texts, deadline));
    std::vector<Judgement> judged;
    for (Understanding& each : all) judged.push_back(Judge(file, policy, std::move(each)));
    return judged;
  };
  BANTAM_TRY(judgement.parts, FindRequests(file, text, judgement, judge, file.max_requests));
  return judgement;
}

}  // namespace bantam
