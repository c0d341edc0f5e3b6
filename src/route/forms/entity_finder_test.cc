// Slots that a token classification model fills: with a finder in the hand of the test, and with a tiny real model.
#include "route/forms/entity_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "route/forms/conversation.h"
#include "tasks/tag.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;

constexpr Day kToday = Day(std::chrono::year(2026) / 11 / 25);

constexpr std::string_view kFile = R"(version: 1
name: hotel
routes:
  - {name: book, utterances: [a, b, c, d, e], action: {type: form, form: room}}
  - {name: other, utterances: [f, g, h, i, j], action: {type: form, form: room}}
forms:
  room:
    slots:
      guest: {type: entity, model: @MODEL@, label: PER, prompt: "Who is coming?", error: "I need a name."}
      city: {type: entity, model: @MODEL@, label: [LOC, GPE], min_score: 0.8}
      day: {type: date}
    confirm: "{guest} to {city} on {day}?"
)";

RouteFile Load(std::string_view model, std::string text = std::string(kFile)) {
  for (size_t at; (at = text.find("@MODEL@")) != std::string::npos;) text.replace(at, 7, model);
  return ParseRouteFile(text, "/h/hotel.yaml").value();
}

// Knows a few names.
class KnownNames : public EntityFinder {
 public:
  Result<std::vector<FoundEntity>> Find(std::string_view text) const override {
    struct Name {
      std::string_view words, label;
      float score;
    };
    static constexpr Name kNames[] = {{"Ada Lovelace", "PER", 0.99f}, {"Grace", "PER", 0.9f}, {"Oslo", "GPE", 0.9f},
                                      {"Bergen", "LOC", 0.85f},       {"May", "PER", 0.4f},   {"Rome", "LOC", 0.7f}};
    std::vector<FoundEntity> found;
    for (const Name& name : kNames) {
      const size_t at = text.find(name.words);
      if (at != std::string_view::npos)
        found.push_back({std::string(name.label), {at, at + name.words.size()}, name.score});
    }
    return found;
  }
};

struct Conversation {
  Conversation() : file(Load("any")) {
    for (Slot& slot : file.forms.at("room").slots) {
      if (slot.type == Slot::Type::kEntity) slot.entities = std::make_shared<KnownNames>();
    }
  }
  const FormTurn& Begin(std::string_view text) { return turn = BeginForm(form(), "book", text, kToday); }
  const FormTurn& Say(std::string_view text) {
    turn = ContinueForm(form(), std::move(turn.state), text, kToday, [] { return Digression(); }).value();
    return turn;
  }
  std::string Value(std::string_view slot) const {
    const SlotValue* value = turn.state.Find(slot);
    return value == nullptr ? "" : value->value;
  }
  const Form& form() const { return file.forms.at("room"); }
  RouteFile file;
  FormTurn turn;
};

TEST(EntitySlots, TakeWhatTheFirstMessageHolds) {
  Conversation c;
  EXPECT_EQ(c.Begin("a room in Oslo for Ada Lovelace, tomorrow").text,
            "Ada Lovelace to Oslo on Thursday 26 November 2026?");
}

TEST(EntitySlots, AskAndRefuseAndTakeTheAnswer) {
  Conversation c;
  EXPECT_EQ(c.Begin("a room please").text, "Who is coming?");
  EXPECT_EQ(c.Say("somebody").text, "I need a name.");
  EXPECT_EQ(c.Say("Ada Lovelace or Grace").text, "I need a name.");  // which of them?
  EXPECT_EQ(c.Say("it is for Grace").text, "What is the city?");
  EXPECT_EQ(c.Value("guest"), "Grace");
  // Too unsure a place, and in the midst of the question another slot's value.
  EXPECT_EQ(c.Say("Rome").text, "I could not find the city in that. Please say it in a short sentence.");
  EXPECT_THAT(c.Say("Bergen").text, HasSubstr("Which day"));
}

TEST(EntitySlots, TwoNamesInPassingAreAskedAbout) {
  Conversation c;
  EXPECT_EQ(c.Begin("a room for Ada Lovelace and Grace in Oslo").text, "Who is coming?");
  EXPECT_EQ(c.Value("city"), "Oslo");
}

TEST(EntitySlots, AreCorrected) {
  Conversation c;
  c.Begin("a room in Oslo for Grace tomorrow");
  EXPECT_EQ(c.Say("no, in Bergen").text, "Grace to Bergen on Thursday 26 November 2026?");
  EXPECT_EQ(c.Say("change the guest to Ada Lovelace").text, "Ada Lovelace to Bergen on Thursday 26 November 2026?");
  EXPECT_EQ(c.Say("no, the day after tomorrow").text, "Ada Lovelace to Bergen on Friday 27 November 2026?");
}

TEST(EntitySlots, SurviveAsStates) {
  Conversation c;
  c.Begin("a room for Grace");
  const auto state = FormState::FromJson(c.turn.state.ToJson(), c.file);
  ASSERT_TRUE(state);
  ASSERT_NE(state->Find("guest"), nullptr);
  EXPECT_EQ(state->Find("guest")->value, "Grace");
}

constexpr std::string_view kNames = "src/tasks/golden/models/names";

// The tiny model's weights are random; what it finds is what the tagger finds, in bytes.
TEST(EntityModels, FindWhatTheTaggerFinds) {
  const LoadOptions options{.weight_type = WeightType::kF32, .num_threads = 1, .engine = {.own_thread = false}};
  ASSERT_OK_AND_ASSIGN(const auto tagger, Tagger::Load(kNames, options));
  const std::string text = "\xC3\x84h, ada wrote a program for zo\xC3\xAB in paris";
  const std::string_view texts[] = {text};
  ASSERT_OK_AND_ASSIGN(const auto tagged, tagger->Tag(texts, {.aggregation = Aggregation::kFirst}));
  ASSERT_FALSE(tagged[0].spans.empty());
  RouteFile file = Load(kNames);
  for (Slot& slot : file.forms.at("room").slots) {
    if (slot.type == Slot::Type::kEntity) slot.entity_labels = {tagged[0].spans[0].label};
  }
  ASSERT_OK(LoadEntityModels(file, options));
  const Form& form = file.forms.at("room");
  EXPECT_EQ(form.slots[0].entities, form.slots[1].entities);  // loaded once
  ASSERT_OK_AND_ASSIGN(const auto found, form.slots[0].entities->Find(text));
  ASSERT_EQ(found.size(), tagged[0].spans.size());
  EXPECT_EQ(found[0].label, tagged[0].spans[0].label);
  EXPECT_EQ(found[0].score, tagged[0].spans[0].score);
  EXPECT_GT(found.back().range.end, size_t{tagged[0].spans.back().end});  // two letters have two bytes
  EXPECT_EQ(form.slots[0].entities->Find("not UTF-8: \xFF").error().code, ErrorCode::kInvalidArgument);
}

TEST(EntityModels, ErrorsNameTheSlot) {
  RouteFile file = Load(kNames);
  Status status = LoadEntityModels(file, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadConfig);
  EXPECT_THAT(
      status.error().message,
      HasSubstr("/h/hotel.yaml:10:7: slot \"city\" of form \"room\": the model \"src/tasks/golden/models/names\" "
                "has no label \"GPE\"; it has \"LOC\" and \"PER\""));
  file = Load("./nowhere");
  status = LoadEntityModels(file, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadConfig);
  EXPECT_THAT(status.error().message, HasSubstr("hotel.yaml:9:7: slot \"guest\""));
}

}  // namespace
}  // namespace bantam
