#include "route/pairs/question_facts.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"
#include "route/pairs/question_words.h"

namespace bantam {
namespace {

constexpr double kLeastKnown = 0.2;  // share of the words that must be known for a question to count as read
constexpr size_t kMostBytes = 2'000, kMostWords = 120;
constexpr size_t kFurthestGoverned = 5;  // words after a preposition

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr std::array<std::string_view, 13> kNegations = {"not",     "no",     "never", "without", "none",
                                                         "nothing", "nobody", "nor",   "neither", "nowhere",
                                                         "unable",  "hardly", "cannot"};
constexpr std::array<std::string_view, 16> kPrepositions = {
    "from", "to", "into", "onto", "by", "than", "with", "for", "in", "on", "at", "of", "between", "about", "as", "via"};
constexpr std::array<std::string_view, 6> kPast = {"did", "was", "were", "had", "ago", "previously"};
// English, but of other languages as well: no sign of English.
constexpr std::array<std::string_view, 26> kOfManyLanguages = {
    "a",  "am", "an", "and", "as", "be", "die", "do", "for", "he", "i",    "in",   "is",
    "it", "me", "no", "of",  "on", "or", "so",  "us", "was", "we", "will", "want", "not"};
constexpr std::array<std::string_view, 3> kFuture = {"will", "shall", "gonna"};

char Owner(std::string_view word) {
  if (word == "my" || word == "mine" || word == "our" || word == "ours") return '1';
  if (word == "your" || word == "yours") return '2';
  if (word == "his" || word == "her" || word == "hers" || word == "their" || word == "theirs" || word == "its")
    return '3';
  return 0;
}

char Person(std::string_view word) {
  if (word == "i" || word == "we" || word == "me" || word == "us" || word == "myself" || word == "ourselves")
    return '1';
  if (word == "you" || word == "yourself") return '2';
  if (word == "he" || word == "she" || word == "they" || word == "him" || word == "them") return '3';
  return 0;
}

class Reader {
 public:
  explicit Reader(std::vector<QuestionWord> words) : words_(std::move(words)) {
    for (const QuestionWord& word : words_) {
      stems_.push_back(word.is_number || word.is_code ? std::string() : Stem(word.lower));
      taken_.push_back(false);
    }
  }

  QuestionFacts Read() {
    size_t known = 0;
    for (at_ = 0; at_ < words_.size();) {
      if (taken_[at_]) {
        ++at_, ++known;
        continue;
      }
      const size_t begin = at_;
      if (ReadOne()) known += at_ - begin;
    }
    for (const QuestionWord& word : words_) facts_.words.push_back(word.lower);
    facts_.readable = !words_.empty() && words_.size() <= kMostWords && signs_of_english_ > 0 &&
                      static_cast<double>(known) >= kLeastKnown * static_cast<double>(words_.size());
    return std::move(facts_);
  }

 private:
  // Takes one word or phrase; false when nothing is known of it.
  bool ReadOne() {
    const QuestionWord& word = words_[at_];
    NoteGrammar(word.lower);
    if (word.is_number) {
      AddNumber(word.lower, 1);
      return true;
    }
    if (const auto match = WordTable::BuiltIn().Longest(stems_, at_); match && !word.is_code) {
      if (match->particle > 0) taken_[at_ + match->particle] = true;
      const size_t end = at_ + match->num_words;
      if (match->num_words > 1 || (match->known.group == KnownWord::kFiller && !Contains(kOfManyLanguages, word.lower)))
        ++signs_of_english_;
      if (match->known.group == KnownWord::kFiller) {
        for (size_t i = at_; i < end; ++i) NotePerson(words_[i].lower);
      } else {
        Add({.id = fmt::format("{}:{}", match->known.group, match->known.side),
             .shown = Shown(match->num_words),
             .known = match->known,
             .num_words = match->num_words});
      }
      at_ = end;
      return true;
    }
    if (const auto [value, length] = NumberInWords(words_, at_); length > 0) {
      AddNumber(value, length);
      return true;
    }
    if (Contains(kNegations, word.lower)) {
      ++facts_.negations;
      ++at_;
      return true;
    }
    if (IsGrammar(word.lower)) {
      signs_of_english_ += !Contains(kOfManyLanguages, word.lower);
      ++at_;
      return true;
    }
    const bool name = word.is_code || word.is_capital;
    if (name) facts_.names.insert(word.lower);
    Add({.id = word.is_code ? word.lower : stems_[at_],
         .shown = word.lower,
         .known = {.group = KnownWord::kFiller},
         .is_name = name});
    ++at_;
    return false;
  }

  // Tense and persons are read of every word, whatever else it is.
  void NoteGrammar(std::string_view word) {
    facts_.past |= Contains(kPast, word);
    facts_.future |= Contains(kFuture, word);
    const bool compares = preposition_ == "than" && at_ == preposition_at_ + 1;  // "than by bus" is about "than"
    if (Contains(kPrepositions, word) && !compares) {
      preposition_ = word;
      preposition_at_ = at_;
    }
  }

  bool NotePerson(std::string_view word) {
    const char person = Person(word);
    if (person != 0) facts_.persons.push_back(person);
    return person != 0;
  }

  bool IsGrammar(std::string_view word) {
    if (const char owner = Owner(word)) return facts_.owners.insert(owner), true;
    if (NotePerson(word)) return true;
    return Contains(kPrepositions, word) || Contains(kPast, word) || Contains(kFuture, word);
  }

  void AddNumber(const std::string& value, size_t length) {
    facts_.numbers.push_back(value);
    Add({.id = "number " + value, .shown = value, .known = {.group = KnownWord::kFiller}, .num_words = length});
    at_ += length;
  }

  void Add(QuestionItem item) {
    item.word = at_;
    if (!preposition_.empty() && at_ - preposition_at_ <= kFurthestGoverned) item.preposition = preposition_;
    preposition_.clear();
    facts_.items.push_back(std::move(item));
  }

  std::string Shown(size_t num_words) const {
    std::string out;
    for (size_t i = at_; i < at_ + num_words; ++i) out += (out.empty() ? "" : " ") + words_[i].lower;
    return out;
  }

  const std::vector<QuestionWord> words_;
  std::vector<std::string> stems_;  // empty for numbers and codes
  std::vector<bool> taken_;         // a particle, read with its verb
  size_t at_ = 0;
  size_t signs_of_english_ = 0;
  std::string preposition_;
  size_t preposition_at_ = 0;
  QuestionFacts facts_;
};

}  // namespace

QuestionFacts ReadQuestion(std::string_view text) {
  if (text.size() > kMostBytes || FirstInvalidUtf8(text)) return {};
  QuestionFacts facts = Reader(SplitQuestion(text)).Read();
  for (std::string& quoted : QuotedTexts(text)) facts.names.insert(std::move(quoted));
  return facts;
}

}  // namespace bantam
