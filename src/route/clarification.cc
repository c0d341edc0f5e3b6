#include "route/clarification.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text_util.h"
#include "route/decision.h"
#include "route/forms/phrases.h"
#include "route/forms/words.h"
#include "route/json_texts.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

// Longer replies are new questions that happen to hold a word of an option.
constexpr size_t kMostWordsOfAChoice = 6;
constexpr size_t kMostQuestionBytes = 8'192;  // kept of what was asked; escaped it must fit into a state of 64 KiB

Result<Clarification> Read(std::string_view text, const RouteFile& file) {
  BANTAM_TRY(const json::value document, ParseJson(text, "state", {.max_depth = 4, .max_bytes = 65'536}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "state"));
  BANTAM_TRY(const int64_t version, object.Int("version", 1, 1));
  static_cast<void>(version);
  Clarification asked;
  BANTAM_TRY(asked.options, ReadTexts(object, "options"));
  for (const std::string& name : asked.options) {
    if (file.FindRoute(name) == nullptr) return Err(ErrorCode::kNotFound, "the route \"{}\" is gone", name);
  }
  BANTAM_TRY(asked.question, object.String("question"));
  BANTAM_TRY(const int64_t turns, object.Int("turns", 1, 1'000));
  asked.turns = static_cast<int>(turns);
  return asked;
}

std::set<std::string> WordsOf(const Route& route) {
  std::string text = route.name;
  for (char& c : text) {
    if (c == '_' || c == '-' || c == '.') c = ' ';
  }
  std::set<std::string> words;
  for (Word& word : SplitWords(text + " " + route.description)) {
    if (!phrases::IsFunctionWord(word.text)) words.insert(std::move(word.text));
  }
  return words;
}

// The option whose own words the reply holds, and no other's.
const Route* NamedOption(const std::vector<const Route*>& options, std::string_view text) {
  const std::vector<Word> reply = SplitWords(text);
  if (reply.size() > kMostWordsOfAChoice || (reply.size() > 3 && phrases::LooksLikeQuestion(text))) return nullptr;
  std::vector<std::set<std::string>> words;
  for (const Route* option : options) words.push_back(WordsOf(*option));
  const Route* named = nullptr;
  for (size_t i = 0; i < options.size(); ++i) {
    const bool holds_one = std::ranges::any_of(reply, [&](const Word& word) {
      const auto has = [&](const std::set<std::string>& own) { return own.contains(word.text); };
      return has(words[i]) && std::ranges::count_if(words, has) == 1;
    });
    if (!holds_one) continue;
    if (named != nullptr) return nullptr;
    named = options[i];
  }
  return named;
}

}  // namespace

std::string Clarification::ToJson() const {
  json::array names(options.begin(), options.end());
  std::string_view kept = question;
  if (kept.size() > kMostQuestionBytes) {
    kept = kept.substr(0, kMostQuestionBytes);
    while (!kept.empty() && (static_cast<unsigned char>(kept.back()) & 0xC0) == 0x80) kept.remove_suffix(1);
  }
  return bantam::ToJson(json::object{
      {"version", 1}, {"options", std::move(names)}, {"question", ReplaceInvalidUtf8(kept)}, {"turns", turns}});
}

std::optional<Clarification> Clarification::FromJson(std::string_view text, const RouteFile& file) {
  Result<Clarification> asked = Read(text, file);
  if (!asked || asked->options.size() < 2) return std::nullopt;
  return *std::move(asked);
}

Clarification Ask(const Judgement& judgement, std::string_view text, int turns) {
  Clarification asked{.question = std::string(text), .options = {}, .turns = turns + 1};
  for (const Route* option : judgement.options) asked.options.push_back(option->name);
  return asked;
}

std::string_view ClarifyTemplate(const RouteFile& file) {
  const auto own = file.responses.find("utter_clarify");
  return own == file.responses.end() ? phrases::kClarify : std::string_view(own->second);
}

std::string ClarifyText(const RouteFile& file, const std::vector<std::string>& options) {
  std::string lines;
  for (size_t i = 0; i < options.size(); ++i) {
    if (const Route* route = file.FindRoute(options[i])) lines += fmt::format("\n{}. {}", i + 1, RouteLabel(*route));
  }
  return FillList(ClarifyTemplate(file), "options", lines);
}

ClarifyReply ReadClarifyReply(const RouteFile& file, const Clarification& asked, std::string_view text) {
  std::vector<const Route*> options;
  for (const std::string& name : asked.options) {
    if (const Route* route = file.FindRoute(name)) options.push_back(route);
  }
  if (const auto place = phrases::ReadPlace(text, options.size()))
    return {ClarifyReply::Kind::kOption, options[*place]};
  if (phrases::MeansNone(text)) return {ClarifyReply::Kind::kNone, nullptr};
  if (const Route* named = NamedOption(options, text)) return {ClarifyReply::Kind::kOption, named};
  return {};
}

}  // namespace bantam
