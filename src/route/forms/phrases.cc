#include "route/forms/phrases.h"

#include <algorithm>
#include <array>

#include "route/forms/words.h"

namespace bantam::phrases {
namespace {

using Phrases = std::span<const std::string_view>;

// Said around anything, meaning nothing here.
constexpr std::array<std::string_view, 27> kFillers = {
    "please", "pls",  "plz",      "oh",    "uh",     "um",        "hm",        "hmm",    "well",
    "so",     "just", "actually", "sorry", "thanks", "thank you", "thx",       "cheers", "hey",
    "hi",     "then", "and",      "but",   "mate",   "kindly",    "very much", "a lot",  "now"};

constexpr std::array<std::string_view, 66> kYes = {"yes",
                                                   "y",
                                                   "yeah",
                                                   "yea",
                                                   "yep",
                                                   "yup",
                                                   "ya",
                                                   "yes yes",
                                                   "sure",
                                                   "sure thing",
                                                   "ok",
                                                   "okay",
                                                   "k",
                                                   "alright",
                                                   "all right",
                                                   "correct",
                                                   "right",
                                                   "thats right",
                                                   "that is right",
                                                   "thats correct",
                                                   "that is correct",
                                                   "its right",
                                                   "its correct",
                                                   "exactly",
                                                   "go ahead",
                                                   "go for it",
                                                   "go on",
                                                   "do it",
                                                   "do that",
                                                   "do so",
                                                   "confirm",
                                                   "confirmed",
                                                   "i confirm",
                                                   "absolutely",
                                                   "definitely",
                                                   "certainly",
                                                   "of course",
                                                   "fine",
                                                   "thats fine",
                                                   "that is fine",
                                                   "looks good",
                                                   "looks right",
                                                   "looks correct",
                                                   "sounds good",
                                                   "all good",
                                                   "good",
                                                   "great",
                                                   "perfect",
                                                   "wonderful",
                                                   "submit",
                                                   "submit it",
                                                   "send it",
                                                   "book it",
                                                   "order it",
                                                   "proceed",
                                                   "it is",
                                                   "i do",
                                                   "affirmative",
                                                   "why not",
                                                   "try again",
                                                   "retry",
                                                   "again",
                                                   "once more",
                                                   "true",
                                                   "you may",
                                                   "indeed"};

constexpr std::array<std::string_view, 23> kNo = {"no",         "n",          "nope",          "nah",
                                                  "no no",      "no way",     "not really",    "negative",
                                                  "dont",       "do not",     "dont do it",    "dont do that",
                                                  "better not", "rather not", "id rather not", "i would rather not",
                                                  "not now",    "not yet",    "no need",       "i dont want to",
                                                  "i dont",     "false",      "never"};

constexpr std::array<std::string_view, 34> kWrong = {"wrong",
                                                     "thats wrong",
                                                     "that is wrong",
                                                     "its wrong",
                                                     "this is wrong",
                                                     "incorrect",
                                                     "thats incorrect",
                                                     "not right",
                                                     "not correct",
                                                     "thats not right",
                                                     "that is not right",
                                                     "thats not correct",
                                                     "that is not correct",
                                                     "that isnt right",
                                                     "that isnt correct",
                                                     "its not right",
                                                     "its not correct",
                                                     "something is wrong",
                                                     "somethings wrong",
                                                     "not quite",
                                                     "change",
                                                     "change it",
                                                     "change that",
                                                     "change something",
                                                     "change this",
                                                     "edit",
                                                     "edit it",
                                                     "correct it",
                                                     "fix it",
                                                     "i want to change something",
                                                     "id like to change something",
                                                     "i need to change something",
                                                     "there is a mistake",
                                                     "theres a mistake"};

constexpr std::array<std::string_view, 53> kCancel = {"cancel",
                                                      "cancel it",
                                                      "cancel that",
                                                      "cancel this",
                                                      "cancel everything",
                                                      "cancel all",
                                                      "cancel all of it",
                                                      "cancel the form",
                                                      "cancel form",
                                                      "cancel the request",
                                                      "cancel this request",
                                                      "cancel my request",
                                                      "cancel the whole thing",
                                                      "abort",
                                                      "abort it",
                                                      "quit",
                                                      "exit",
                                                      "stop",
                                                      "stop it",
                                                      "stop this",
                                                      "stop that",
                                                      "never mind",
                                                      "nevermind",
                                                      "nvm",
                                                      "forget it",
                                                      "forget that",
                                                      "forget about it",
                                                      "forget about this",
                                                      "forget this",
                                                      "drop it",
                                                      "scrap it",
                                                      "scrap that",
                                                      "scrap this",
                                                      "leave this form",
                                                      "i want to cancel",
                                                      "i want to cancel this",
                                                      "i want to cancel it",
                                                      "i want to stop",
                                                      "id like to cancel",
                                                      "id like to cancel this",
                                                      "i would like to cancel",
                                                      "i would like to stop",
                                                      "lets cancel",
                                                      "lets stop",
                                                      "can we cancel",
                                                      "can you cancel",
                                                      "can you cancel this",
                                                      "can you cancel it",
                                                      "could you cancel",
                                                      "i changed my mind",
                                                      "changed my mind",
                                                      "ive changed my mind",
                                                      "i have changed my mind"};

// Enough to end a form with whatever follows after a comma: "never mind, I found it".
constexpr std::array<std::string_view, 5> kCancelClause = {"cancel", "never mind", "nevermind", "forget it",
                                                           "forget about it"};

constexpr std::array<std::string_view, 35> kSkip = {"skip",
                                                    "skip it",
                                                    "skip this",
                                                    "skip that",
                                                    "skip this one",
                                                    "none",
                                                    "nothing",
                                                    "nothing else",
                                                    "nothing more",
                                                    "nothing to add",
                                                    "nothing special",
                                                    "no",
                                                    "n",
                                                    "nope",
                                                    "nah",
                                                    "no thanks",
                                                    "no note",
                                                    "no comment",
                                                    "n a",
                                                    "na",
                                                    "nil",
                                                    "not needed",
                                                    "not necessary",
                                                    "not applicable",
                                                    "thats all",
                                                    "that is all",
                                                    "thats it",
                                                    "that is it",
                                                    "thats everything",
                                                    "i dont think so",
                                                    "i dont have any",
                                                    "i dont have one",
                                                    "leave it empty",
                                                    "leave it blank",
                                                    "next"};

constexpr std::array<std::string_view, 23> kQuestionStarts = {
    "what", "whats", "when", "whens", "where", "wheres", "who", "whos", "whom", "whose", "why",   "which",
    "how",  "hows",  "can",  "could", "do",    "does",   "is",  "are",  "will", "would", "should"};

constexpr std::array<std::string_view, 32> kCorrectionStarts = {
    "no",      "nope",      "no no",        "actually",     "i meant",       "i mean",         "i mean to say",
    "make it", "make that", "make this",    "rather",       "instead",       "correction",     "wait",
    "oops",    "whoops",    "sorry",        "my mistake",   "change it to",  "change that to", "change to",
    "yes but", "yeah but",  "ok but",       "it should be", "it should say", "it must be",     "that should be",
    "better",  "lets say",  "lets make it", "no its"};

bool MayStandAround(std::span<const Word> words, size_t at) { return MatchAny(words.subspan(at), kFillers) > 0; }

// Whether the words are nothing but `phrases` (at least one) and fillers.
bool ConsistsOf(std::span<const Word> words, Phrases phrases, Phrases also = {}) {
  bool any = false;
  for (size_t at = 0; at < words.size();) {
    const size_t meant = MatchAny(words.subspan(at), phrases);
    if (meant > 0) {
      any = true;
      at += meant;
      continue;
    }
    const size_t other = std::max(MatchAny(words.subspan(at), kFillers), MatchAny(words.subspan(at), also));
    if (other == 0) return false;
    at += other;
  }
  return any;
}

// The words before the first comma, stop, dash or the like.
std::span<const Word> FirstClause(std::string_view text, std::span<const Word> words) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string_view gap = text.substr(words[i].end, words[i + 1].begin - words[i].end);
    if (gap.find_first_of(",.;!?:\n") != std::string_view::npos || gap.find(" - ") != std::string_view::npos ||
        gap.find("—") != std::string_view::npos || gap.find("–") != std::string_view::npos) {
      return words.first(i + 1);
    }
  }
  return words;
}

}  // namespace

std::string Label(std::string_view slot_name) {
  std::string label(slot_name);
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

namespace {

std::string ChoiceList(const Slot& slot) {
  std::string list;
  for (size_t i = 0; i < slot.choices.size(); ++i) {
    if (i > 0) list += i + 1 == slot.choices.size() ? " or " : ", ";
    list += slot.choices[i].first;
  }
  return list;
}

// "5000", "2.5"
std::string Plain(double number) { return fmt::format("{}", number); }

}  // namespace

std::string DefaultPrompt(const Slot& slot) {
  const std::string label = Label(slot.name);
  const std::string_view skip = slot.optional ? " (or say skip)" : "";
  switch (slot.type) {
    case Slot::Type::kChoice:
      return fmt::format("Which {}: {}?{}", label, ChoiceList(slot), skip);
    case Slot::Type::kDate:
      return fmt::format("Which day ({})? For example tomorrow or 3 March.{}", label, skip);
    case Slot::Type::kEmail:
      return fmt::format("Which email address ({})?{}", label, skip);
    default:
      return fmt::format("What is the {}?{}", label, skip);
  }
}

std::string DefaultError(const Slot& slot) {
  const std::string label = Label(slot.name);
  switch (slot.type) {
    case Slot::Type::kText:
      return fmt::format("Please give the {} in at most {} characters.", label, slot.max_length);
    case Slot::Type::kRegex:
      return fmt::format("That does not look like the {} that I need.", label);
    case Slot::Type::kNumber: {
      const std::string kind = slot.integer ? "a whole number" : "a number";
      if (slot.minimum && slot.maximum)
        return fmt::format("I need {} from {} to {}.", kind, Plain(*slot.minimum), Plain(*slot.maximum));
      if (slot.minimum) return fmt::format("I need {} of at least {}.", kind, Plain(*slot.minimum));
      if (slot.maximum) return fmt::format("I need {} of at most {}.", kind, Plain(*slot.maximum));
      return fmt::format("I need {}.", kind);
    }
    case Slot::Type::kDate: {
      std::string limits;
      if (!slot.min_date.empty()) limits += " from " + slot.min_date + " on";
      if (!slot.max_date.empty()) limits += " until " + slot.max_date;
      return fmt::format("I need a day{}, like tomorrow, next friday or 3 March.", limits);
    }
    case Slot::Type::kChoice:
      return fmt::format("Please choose one: {}.", ChoiceList(slot));
    case Slot::Type::kEntity:
      return fmt::format("I could not find the {} in that. Please say it in a short sentence.", label);
    case Slot::Type::kEmail:
      return "That does not look like an email address. It should look like name@example.com.";
  }
  return "I can't use that.";
}

Reply ReadReply(std::string_view text) {
  const std::vector<Word> words = SplitWords(text);
  if (words.empty()) return Reply::kOther;
  if (ConsistsOf(words, kCancel, kNo)) return Reply::kCancel;
  const std::span<const Word> clause = FirstClause(text, words);
  if (clause.size() < words.size() && ConsistsOf(clause, kCancelClause)) return Reply::kCancel;
  if (ConsistsOf(words, kWrong, kNo)) return Reply::kWrong;
  if (ConsistsOf(words, kYes)) return Reply::kYes;
  if (ConsistsOf(words, kNo)) return Reply::kNo;
  return Reply::kOther;
}

bool WantsToGoOn(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kGoOn = {"try again",
                                                             "retry",
                                                             "again",
                                                             "once more",
                                                             "continue",
                                                             "go on",
                                                             "keep going",
                                                             "one more time",
                                                             "another try",
                                                             "lets try again",
                                                             "id like to try again",
                                                             "i would like to try again"};
  return ConsistsOf(SplitWords(text), kGoOn, kNo);
}

Reply ReadOpening(std::string_view text) {
  const std::vector<Word> words = SplitWords(text);
  const std::span<const Word> clause = FirstClause(text, words);
  if (ConsistsOf(clause, kYes)) return Reply::kYes;
  if (ConsistsOf(clause, kNo)) return Reply::kNo;
  return Reply::kOther;
}

bool IsSkip(std::string_view text) {
  const std::vector<Word> words = SplitWords(text);
  if (words.empty()) return text.find_first_not_of(" \t\r\n-/.") == std::string_view::npos && !text.empty();
  return ConsistsOf(words, kSkip);
}

bool LooksLikeQuestion(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last != std::string_view::npos && text[last] == '?') return true;
  const std::vector<Word> words = SplitWords(text);
  size_t at = 0;
  while (at < words.size() && MayStandAround(words, at)) ++at;
  return words.size() - at >= 3 && MatchAny(std::span(words).subspan(at), kQuestionStarts) > 0;
}

Correction ReadCorrection(std::string_view text) {
  const std::vector<Word> words = SplitWords(text);
  Correction correction;
  size_t at = 0;
  bool marked = false;
  while (at < words.size()) {
    const std::span<const Word> rest = std::span(words).subspan(at);
    const size_t marker = MatchAny(rest, kCorrectionStarts);
    const size_t filler = MatchAny(rest, kFillers);
    if (marker > 0) marked = true;
    if (marker == 0 && (filler == 0 || !marked)) {
      // "oh sorry, ..." and "hmm actually ..." begin with a filler.
      if (filler == 0 || at > 2) break;
    }
    at += std::max(marker, filler);
  }
  size_t last = words.size();
  if (last > 0 && (words[last - 1].text == "instead" || words[last - 1].text == "rather")) {
    marked = true;
    --last;
  }
  // "not monday but tuesday"
  for (size_t i = at; i < last; ++i) {
    if (words[i].text == "not") {
      for (size_t j = i + 1; j < last; ++j) {
        if (words[j].text == "but") {
          marked = true;
          at = j + 1;
        }
      }
      break;
    }
  }
  if (!marked || at >= last) return {};
  correction.begin = words[at].begin;
  correction.end = last < words.size() ? words[last - 1].end : text.size();
  // A sign before the first word belongs to the value: "-5", "£20".
  while (correction.begin > 0 && text[correction.begin - 1] != ' ' && text[correction.begin - 1] != ',' &&
         (at == 0 || correction.begin > words[at - 1].end)) {
    --correction.begin;
  }
  return correction;
}

}  // namespace bantam::phrases
