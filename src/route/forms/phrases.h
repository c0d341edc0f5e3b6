// Every English sentence that forms and clarifying questions say by themselves, and every set of words by which people
// say yes, no, cancel, skip or "change it". To speak another language, this is the file to translate.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "route/route_file.h"

namespace bantam::phrases {

inline constexpr std::string_view kDone = "Done.";
inline constexpr std::string_view kCancelled = "All right, I've stopped here; nothing was handed in.";
inline constexpr std::string_view kFailed = "I couldn't hand that in just now. Say yes to try again, or cancel.";
inline constexpr std::string_view kConfirmHint = "Please say yes or no, or tell me what to change.";
inline constexpr std::string_view kWhatToChange =
    "What should be different? For example \"change the {label} to ...\", or say cancel.";
inline constexpr std::string_view kOfferCancel =
    "That didn't work three times. Shall I cancel, or would you like to try again?";
inline constexpr std::string_view kNeeded = "I can't go on without this one.";
inline constexpr std::string_view kChanged = "All right, the {label} is {value} now.";
inline constexpr std::string_view kCancelFirst = "Let's finish this first, or say cancel to leave it.";

inline constexpr std::string_view kClarify =
    "Which of these do you mean?{options}\nSay the number, or put it in other words.";

std::string DefaultPrompt(const Slot& slot);
std::string DefaultError(const Slot& slot);
// "order_id" -> "order id"
std::string Label(std::string_view slot_name);

// What a whole message says.
enum class Reply {
  kOther,
  kYes,     // "yes please", "ok, sounds good"
  kNo,      // "no thanks"
  kWrong,   // "no, that's not right", "change something"
  kCancel,  // "oh never mind", "please cancel the request"
};
Reply ReadReply(std::string_view text);
// After kOfferCancel: "try again", "continue".
bool WantsToGoOn(std::string_view text);
// Whether the message begins with a clear yes or no ("yes, that works for me"); kOther otherwise.
Reply ReadOpening(std::string_view text);
// "skip", "no", "nothing, thanks", "-": for a slot that may be left out.
bool IsSkip(std::string_view text);
// Whether the message asks rather than answers: ends with a question mark or begins with a question word.
bool LooksLikeQuestion(std::string_view text);

// After a list of `count` choices: the index of the one that is named by its place ("2", "the first one", "the
// latter").
std::optional<size_t> ReadPlace(std::string_view text, size_t count);
// "neither", "none of them", "something else".
bool MeansNone(std::string_view text);
// Words that say nothing about which one is meant: "the", "my", "one".
bool IsFunctionWord(std::string_view word);

// A message that begins as a correction does ("no, ...", "actually ...", "i meant ...", "make it ...") or ends so
// ("... instead"): where the new value begins and ends, in bytes. npos when it is none.
struct Correction {
  size_t begin = std::string_view::npos;
  size_t end = 0;
  explicit operator bool() const { return begin != std::string_view::npos; }
};
Correction ReadCorrection(std::string_view text);

}  // namespace bantam::phrases
