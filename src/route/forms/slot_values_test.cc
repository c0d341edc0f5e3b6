#include "route/forms/slot_values.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>

#include "route/forms/choice.h"
#include "route/forms/mention.h"
#include "route/forms/number.h"
#include "route/forms/phrases.h"
#include "route/forms/words.h"

namespace bantam {
namespace {

using Outcome = SlotReading::Outcome;

const Day kToday = Day(std::chrono::year(2026) / 11 / 25);  // a Wednesday

Slot MakeSlot(Slot::Type type) {
  Slot slot;
  slot.name = "x";
  slot.type = type;
  return slot;
}

Slot RegexSlot(const std::string& pattern) {
  Slot slot = MakeSlot(Slot::Type::kRegex);
  slot.pattern = pattern;
  slot.regex = std::make_shared<re2::RE2>(pattern);
  return slot;
}

// "value", "refused" or "-".
std::string Show(const SlotReading& reading) {
  if (reading.outcome == Outcome::kNothing) return "-";
  return reading.outcome == Outcome::kRefused ? "refused" : reading.value.value;
}

struct Row {
  const char* text;
  const char* answer;      // when asked for
  const char* in_passing;  // when not
};

void ExpectRows(const Slot& slot, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(Show(ReadAnswer(slot, row.text, kToday)), row.answer) << row.text;
    EXPECT_EQ(Show(ReadInPassing(slot, row.text, kToday, {})), row.in_passing) << row.text << " (in passing)";
  }
}

TEST(SlotValues, Regex) {
  ExpectRows(RegexSlot("[A-Z]{2}\\d{6}"), {
                                              {"AB123456", "AB123456", "AB123456"},
                                              {"it's AB123456, thanks", "AB123456", "AB123456"},
                                              {"AB1234567", "-", "-"},  // not cut out of a longer one
                                              {"XAB123456", "-", "-"},
                                              {"ab123456", "-", "-"},
                                              {"AB1234567 or rather AB123456.", "AB123456", "AB123456"},
                                              {"", "-", "-"},
                                              {"(AB123456)", "AB123456", "AB123456"},
                                              {"éAB123456", "-", "-"},
                                          });
  ExpectRows(RegexSlot("(?i)\\bAW-?\\d{6}\\b"), {{"aw-118203", "aw-118203", "aw-118203"}, {"number 204417", "-", "-"}});
}

TEST(SlotValues, Numbers) {
  Slot slot = MakeSlot(Slot::Type::kNumber);
  slot.minimum = 1;
  slot.maximum = 5000;
  slot.unit = "pounds";
  ExpectRows(slot, {
                       {"89.90", "89.90", "-"},
                       {"it was 89.90 pounds", "89.90", "89.90"},
                       {"£89.90", "89.90", "89.90"},
                       {"89,90 GBP", "89.90", "89.90"},
                       {"1,200.50", "1200.50", "-"},
                       {"1.200,50", "1200.50", "-"},
                       {"1,200", "1200", "-"},
                       {"1.200", "1.200", "-"},
                       {"12,5", "12.5", "-"},
                       {"1,2,3", "-", "-"},
                       {"9000", "refused", "-"},
                       {"9000 pounds", "refused", "refused"},
                       {"0.5", "refused", "-"},
                       {"-5", "refused", "-"},
                       {"twenty", "20", "-"},
                       {"twenty-five pounds", "25", "25"},
                       {"two hundred and five", "205", "-"},
                       {"a hundred", "100", "-"},
                       {"three thousand two hundred", "3200", "-"},
                       {"a dozen", "12", "-"},
                       {"2 or 3", "refused", "-"},
                       {"3, yes 3", "3", "-"},
                       {"2 items for 30 pounds", "30", "30"},
                       {"AW204417", "-", "-"},
                       {"LT-2041", "-", "-"},
                       {"7:52", "-", "-"},
                       {"on 03.12.2026", "-", "-"},
                       {"007", "7", "-"},
                       {"1 pound", "1", "1"},
                       {"none of your business", "-", "-"},
                   });
  EXPECT_EQ(ReadAnswer(slot, "89.90", kToday).value.shown, "89.90 pounds");
  EXPECT_EQ(ReadAnswer(slot, "1", kToday).value.shown, "1 pound");
  Slot whole = MakeSlot(Slot::Type::kNumber);
  whole.integer = true;
  whole.unit = "seats";
  ExpectRows(whole, {{"2.5", "refused", "-"},
                     {"3.0", "3", "-"},
                     {"for 3 seats", "3", "3"},
                     {"3 seat", "3", "3"},
                     {"seats", "-", "-"}});
}

TEST(SlotValues, Dates) {
  Slot slot = MakeSlot(Slot::Type::kDate);
  slot.min_date = "today";
  ExpectRows(slot, {
                       {"today", "2026-11-25", "2026-11-25"},
                       {"tomorrow please", "2026-11-26", "2026-11-26"},
                       {"tommorow", "2026-11-26", "2026-11-26"},
                       {"the day after tomorrow", "2026-11-27", "2026-11-27"},
                       {"yesterday", "refused", "refused"},
                       {"friday", "2026-11-27", "2026-11-27"},
                       {"on fri", "2026-11-27", "2026-11-27"},
                       {"fri", "2026-11-27", "-"},
                       {"wednesday", "2026-12-02", "2026-12-02"},  // not today
                       {"this wednesday", "2026-11-25", "2026-11-25"},
                       {"next friday", "2026-12-04", "2026-12-04"},
                       {"next monday", "2026-11-30", "2026-11-30"},
                       {"in 3 days", "2026-11-28", "2026-11-28"},
                       {"in three days", "2026-11-28", "2026-11-28"},
                       {"in a week", "2026-12-02", "2026-12-02"},
                       {"in two weeks' time", "2026-12-09", "2026-12-09"},
                       {"3 days from now", "2026-11-28", "2026-11-28"},
                       {"in a month", "2026-12-25", "2026-12-25"},
                       {"2026-12-01", "2026-12-01", "2026-12-01"},
                       {"2026-13-01", "-", "-"},
                       {"2025-12-01", "refused", "refused"},
                       {"3 March", "2027-03-03", "2027-03-03"},
                       {"on the 3rd of March 2028", "2028-03-03", "2028-03-03"},
                       {"March 3rd", "2027-03-03", "2027-03-03"},
                       {"dec 24", "2026-12-24", "2026-12-24"},
                       {"29 February", "2028-02-29", "2028-02-29"},
                       {"30 February", "-", "-"},
                       {"03.12.2026", "2026-12-03", "2026-12-03"},
                       {"3/12/26", "2026-12-03", "2026-12-03"},
                       {"12/25/2026", "2026-12-25", "2026-12-25"},  // the second cannot be a month
                       {"3/12", "2026-12-03", "-"},
                       {"3.12.", "2026-12-03", "-"},
                       {"3.12", "-", "-"},
                       {"the 5th", "2026-12-05", "-"},
                       {"the 31st", "2026-12-31", "-"},
                       {"yesteryear", "-", "-"},
                       {"monday or tuesday", "refused", "refused"},
                       {"it may be late", "-", "-"},
                       {"i sat down", "2026-11-28", "-"},
                   });
  EXPECT_EQ(ReadAnswer(slot, "next friday", kToday).value.shown, "Friday 4 December 2026");
  Slot past = MakeSlot(Slot::Type::kDate);
  past.max_date = "today";
  ExpectRows(past, {{"3 March", "2026-03-03", "2026-03-03"},
                    {"24 December", "2025-12-24", "2025-12-24"},
                    {"tomorrow", "refused", "refused"}});
}

// The rules for weekdays hold from every day of the week.
TEST(SlotValues, WeekdaysFromEveryDay) {
  static constexpr const char* kNames[] = {"sunday",   "monday", "tuesday", "wednesday",
                                           "thursday", "friday", "saturday"};
  for (int offset = 0; offset < 14; ++offset) {
    const Day today = kToday + std::chrono::days(offset);
    for (unsigned i = 0; i < 7; ++i) {
      const auto plain = FindDates(kNames[i], today);
      ASSERT_EQ(plain.size(), 1u);
      EXPECT_EQ(std::chrono::weekday(plain[0].day).c_encoding(), i);
      EXPECT_GT(plain[0].day, today);
      EXPECT_LE(plain[0].day - today, std::chrono::days(7));
      const auto next = FindDates(std::string("next ") + kNames[i], today);
      ASSERT_EQ(next.size(), 1u);
      EXPECT_EQ(std::chrono::weekday(next[0].day).c_encoding(), i);
      const Day this_monday = today - (std::chrono::weekday(today) - std::chrono::Monday);
      EXPECT_GE(next[0].day - this_monday, std::chrono::days(7));
      EXPECT_LT(next[0].day - this_monday, std::chrono::days(14));
    }
  }
  EXPECT_EQ(IsoDate(FindDates("in 3 months", Day(std::chrono::year(2026) / 11 / 30))[0].day), "2027-02-28");
}

TEST(SlotValues, IsoAndLongDatesRoundTrip) {
  for (int offset = 0; offset < 3'000; offset += 7) {
    const Day day = kToday + std::chrono::days(offset);
    EXPECT_EQ(ParseIsoDate(IsoDate(day)), day);
    const auto found = FindDates(LongDate(day), kToday);
    ASSERT_EQ(found.size(), 1u) << LongDate(day);
    EXPECT_EQ(found[0].day, day);
  }
  for (const char* bad : {"", "2026-1-01", "2026-02-30", "26-01-01", "2026/01/01", "2026-01-01x"})
    EXPECT_FALSE(ParseIsoDate(bad)) << bad;
}

TEST(SlotValues, Choices) {
  Slot slot = MakeSlot(Slot::Type::kChoice);
  slot.choices = {{"broken", {"defect", "defective", "does not work", "doesn't work"}},
                  {"wrong item", {"wrong", "not what i ordered"}},
                  {"late", {"too late", "delayed"}},
                  {"morning", {"am", "early"}},
                  {"changed my mind", {"don't want it"}}};
  ExpectRows(slot, {
                       {"Broken", "broken", "broken"},
                       {"it's defective!", "broken", "broken"},
                       {"brokn", "broken", "-"},
                       {"it doesn\xE2\x80\x99t work", "broken", "broken"},
                       {"the wrong item", "wrong item", "wrong item"},
                       {"way too late", "late", "late"},
                       {"broken and late", "refused", "refused"},
                       {"broken, i say broken", "broken", "broken"},
                       {"am", "morning", "-"},
                       {"10 am would do", "morning", "morning"},
                       {"at 10am", "morning", "morning"},
                       {"1.30am if I may", "morning", "morning"},
                       {"10ams", "-", "-"},
                       {"i am not sure", "-", "-"},
                       {"I am here", "-", "-"},
                       {"I've changed my mind", "changed my mind", "changed my mind"},
                       {"dont want it", "changed my mind", "changed my mind"},
                       {"latte", "-", "-"},  // too short a word to forgive
                       {"translate", "-", "-"},
                       {"no idea", "-", "-"},
                   });
}

TEST(SlotValues, Emails) {
  ExpectRows(MakeSlot(Slot::Type::kEmail), {
                                               {"jo@company.example", "jo@company.example", "jo@company.example"},
                                               {"it's <jo.marsh+x@mail.company.example>.",
                                                "jo.marsh+x@mail.company.example", "jo.marsh+x@mail.company.example"},
                                               {"mailto:jo@a.example", "jo@a.example", "jo@a.example"},
                                               {"jo@company", "-", "-"},
                                               {"jo@.example", "-", "-"},
                                               {"@company.example", "-", "-"},
                                               {"jo..m@company.example", "-", "-"},
                                               {"jo@company..example", "-", "-"},
                                               {"jo@10.0.0.1", "-", "-"},
                                               {"a@b@c.example", "-", "-"},
                                               {"a@x.example and b@x.example", "refused", "refused"},
                                               {"a@x.example, yes a@x.example", "a@x.example", "a@x.example"},
                                               {"not telling", "-", "-"},
                                               {"@@@@@@@@", "-", "-"},
                                           });
}

TEST(SlotValues, Texts) {
  Slot slot = MakeSlot(Slot::Type::kText);
  slot.max_length = 5;
  ExpectRows(slot, {{"  abc\t", "abc", "-"},
                    {"äöüßé", "äöüßé", "-"},
                    {"äöüßéx", "refused", "-"},
                    {"", "-", "-"},
                    {" \n ", "-", "-"}});
}

TEST(SlotValues, TakenRangesAreLeftAlone) {
  const std::string text = "jo.marsh, mail jo@company.example";
  const std::vector<TextRange> emails = FindEmails(text);
  ASSERT_EQ(emails.size(), 1u);
  const Slot user = RegexSlot("(?i)\\b[a-z]{2,20}\\.[a-z]{2,20}\\b");
  EXPECT_EQ(Show(ReadInPassing(user, text, kToday, emails)), "jo.marsh");
  EXPECT_EQ(Show(ReadAnswer(user, "jo@company.example", kToday, FindEmails("jo@company.example"))), "-");
}

TEST(SlotValues, RestoredValuesAreChecked) {
  Slot number = MakeSlot(Slot::Type::kNumber);
  number.maximum = 10;
  number.unit = "pounds";
  EXPECT_EQ(RestoreValue(number, "9.50")->shown, "9.50 pounds");
  EXPECT_FALSE(RestoreValue(number, "11"));
  EXPECT_FALSE(RestoreValue(number, "x"));
  EXPECT_EQ(RestoreValue(MakeSlot(Slot::Type::kDate), "2026-12-04")->shown, "Friday 4 December 2026");
  EXPECT_FALSE(RestoreValue(MakeSlot(Slot::Type::kDate), "tomorrow"));
  Slot choice = MakeSlot(Slot::Type::kChoice);
  choice.choices = {{"a", {"x"}}};
  EXPECT_TRUE(RestoreValue(choice, "a"));
  EXPECT_FALSE(RestoreValue(choice, "x"));
}

TEST(Words, SplitLowerAndPlaces) {
  const auto words = SplitWords("Doesn\xE2\x80\x99t ÄÖ-e2 'quoted' £5");
  ASSERT_EQ(words.size(), 5u);
  EXPECT_EQ(JoinWords(words), "doesnt äö e2 quoted 5");
  EXPECT_EQ(words[0].begin, 0u);
  EXPECT_EQ(words[0].end, 9u);
  EXPECT_TRUE(SplitWords(" .,;!? \n").empty());
}

TEST(Phrases, Replies) {
  using phrases::Reply;
  const std::vector<std::pair<const char*, Reply>> rows = {
      {"yes", Reply::kYes},
      {"Yes please!", Reply::kYes},
      {"ok, sounds good, thanks", Reply::kYes},
      {"go ahead", Reply::kYes},
      {"yep", Reply::kYes},
      {"that's right", Reply::kYes},
      {"y", Reply::kYes},
      {"sure, do it", Reply::kYes},
      {"no", Reply::kNo},
      {"No thanks.", Reply::kNo},
      {"nope", Reply::kNo},
      {"rather not", Reply::kNo},
      {"please don't", Reply::kNo},
      {"no, that's wrong", Reply::kWrong},
      {"that is not right", Reply::kWrong},
      {"change something", Reply::kWrong},
      {"cancel", Reply::kCancel},
      {"oh never mind", Reply::kCancel},
      {"Nevermind, I found it myself", Reply::kCancel},
      {"please cancel the request", Reply::kCancel},
      {"I'd like to cancel", Reply::kCancel},
      {"stop!", Reply::kCancel},
      {"no, forget it", Reply::kCancel},
      {"cancel my order please", Reply::kOther},
      {"yes but tomorrow", Reply::kOther},
      {"stop sending me mail", Reply::kOther},
      {"tomorrow", Reply::kOther},
      {"", Reply::kOther},
      {"?", Reply::kOther},
      {"thanks", Reply::kOther},
      {"please", Reply::kOther},
  };
  for (const auto& [text, reply] : rows) EXPECT_EQ(phrases::ReadReply(text), reply) << text;
  for (const char* text : {"skip", "Skip it please", "no", "nothing, thanks", "-", "n/a", "that's all"})
    EXPECT_TRUE(phrases::IsSkip(text)) << text;
  for (const char* text : {"", "no idea what to write", "nothing works", "x"})
    EXPECT_FALSE(phrases::IsSkip(text)) << text;
  for (const char* text : {"when are you open", "what is it?", "open today?", "hey, how do I do this"})
    EXPECT_TRUE(phrases::LooksLikeQuestion(text)) << text;
  for (const char* text : {"when", "next to the station", "on the 7:52 to Bath", "7 Harbour Lane", ""})
    EXPECT_FALSE(phrases::LooksLikeQuestion(text)) << text;
}

TEST(Phrases, Corrections) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"no, tomorrow", "tomorrow"},
      {"oh sorry, AB123456", "AB123456"},
      {"actually next friday please", "next friday please"},
      {"i meant the laptop", "the laptop"},
      {"make it £20", "£20"},
      {"friday instead", "friday"},
      {"not monday but tuesday", "tuesday"},
      {"no it's not monday but tuesday", "tuesday"},
      {"tomorrow", ""},
      {"no", ""},
      {"it is broken", ""},
      {"wait, -5", "-5"},
  };
  for (const auto& [text, value] : rows) {
    const phrases::Correction correction = phrases::ReadCorrection(text);
    EXPECT_EQ(correction ? std::string_view(text).substr(correction.begin, correction.end - correction.begin) : "",
              value)
        << text;
  }
}

TEST(Mention, SlotsByNameAndType) {
  Form form;
  for (const auto& [name, type] : std::vector<std::pair<const char*, Slot::Type>>{{"order_id", Slot::Type::kRegex},
                                                                                  {"contact", Slot::Type::kEmail},
                                                                                  {"day", Slot::Type::kDate},
                                                                                  {"street", Slot::Type::kText},
                                                                                  {"amount", Slot::Type::kNumber}}) {
    Slot slot = MakeSlot(type);
    slot.name = name;
    form.slots.push_back(slot);
  }
  struct Expected {
    const char *text, *slot, *value;
    bool change;
  };
  for (const Expected& row : std::vector<Expected>{
           {"change the email to x@y.z", "contact", "x@y.z", true},
           {"please update my email address: x@y.z please", "contact", "x@y.z", true},
           {"the order id is AB123456.", "order_id", "AB123456", false},
           {"order number: AB123456", "order_id", "AB123456", false},
           {"no, the day should be tomorrow", "day", "tomorrow", false},
           {"change the day from monday to tuesday", "day", "tuesday", true},
           {"change the street", "street", "", true},
           {"could you set the amount to £20 instead", "amount", "£20", true},
           {"street = \"5 Main Street\"", "street", "5 Main Street", false},
           {"I think that the street is flooded", "", "", false},
           {"AB123456", "", "", false},
           {"my day was fine", "day", "fine", false},
       }) {
    const auto mention = FindMention(form, row.text);
    ASSERT_EQ(mention ? mention->slot->name : "", row.slot) << row.text;
    if (!mention) continue;
    EXPECT_EQ(std::string_view(row.text).substr(mention->value_begin, mention->value_end - mention->value_begin),
              row.value)
        << row.text;
    EXPECT_EQ(mention->asks_for_change, row.change) << row.text;
  }
}

// Whatever is typed, the readers end, stay within the text, and read the value that they give again as the same.
TEST(SlotValuesFuzz, AnyTextIsRead) {
  static constexpr const char* kPieces[] = {
      "1",      "12,",           ".5",       "-",    "/",        "12",      "2026",  "march",
      "friday", "next ",         "in ",      "days", " ",        "  ",      "@",     "a.example",
      "jo",     "AB123456",      "\xC3\xA9", "\xFF", "\xE2\x82", "£",       "not",   " but ",
      "no, ",   "the email is ", ":",        "'",    "a",        "hundred", " and ", "twenty",
      "am",     "pounds",        "\n",       "?",    "3rd",      "of",      "..",    ","};
  std::vector<Slot> slots = {RegexSlot("[A-Z]{2}\\d{6}"),   MakeSlot(Slot::Type::kNumber), MakeSlot(Slot::Type::kDate),
                             MakeSlot(Slot::Type::kChoice), MakeSlot(Slot::Type::kEmail),  MakeSlot(Slot::Type::kText)};
  slots[1].unit = "pounds";
  slots[3].choices = {{"a", {"am", "not but"}}, {"b", {"next friday"}}};
  Form form;
  form.slots = slots;
  for (size_t i = 0; i < slots.size(); ++i) form.slots[i].name = "slot" + std::to_string(i);
  std::mt19937 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (size_t n = random() % 9; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    for (const Slot& slot : slots) {
      for (const SlotReading& reading : {ReadAnswer(slot, text, kToday), ReadInPassing(slot, text, kToday, {})}) {
        if (reading.outcome != Outcome::kValue) continue;
        EXPECT_LE(reading.range.begin, reading.range.end);
        EXPECT_LE(reading.range.end, text.size());
        EXPECT_FALSE(reading.value.value.empty());
        if (slot.type != Slot::Type::kText) {
          EXPECT_EQ(Show(ReadAnswer(slot, reading.value.value, kToday)), reading.value.value) << text;
        }
        EXPECT_EQ(RestoreValue(slot, reading.value.value), reading.value) << text;
      }
    }
    static_cast<void>(FindMention(form, text));
    static_cast<void>(phrases::ReadReply(text));
    const auto correction = phrases::ReadCorrection(text);
    if (correction) {
      EXPECT_LE(correction.begin, correction.end);
      EXPECT_LE(correction.end, text.size());
    }
  }
}

}  // namespace
}  // namespace bantam
