#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "base/text_util.h"
#include "route/forms/date.h"
#include "route/forms/phrases.h"
#include "route/forms/words.h"
#include "route/placeholders.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

const std::vector<std::string> kSlotTypes = {"text", "regex", "number", "date", "choice", "email", "entity"};
constexpr Slot::Type kSlotTypeValues[] = {Slot::Type::kText,  Slot::Type::kRegex,  Slot::Type::kNumber,
                                          Slot::Type::kDate,  Slot::Type::kChoice, Slot::Type::kEmail,
                                          Slot::Type::kEntity};

void ReadPattern(YamlMap& map, Slot& slot, Problems& problems) {
  slot.pattern = map.RequiredText("pattern", "give the pattern that a value must match");
  if (slot.pattern.empty()) return;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(int64_t{8} << 20);
  auto regex = std::make_shared<re2::RE2>(slot.pattern, options);
  if (!regex->ok()) {
    problems.Error(map.PlaceOf("pattern"),
                   "the pattern \"{}\" does not compile ({}); see github.com/google/re2/wiki/Syntax",
                   EscapeForTerminal(slot.pattern, 60), regex->error());
    return;
  }
  if (re2::RE2::FullMatch("", *regex)) {
    problems.Error(map.PlaceOf("pattern"),
                   "the pattern \"{}\" also matches nothing at all; let it ask for at least one character",
                   EscapeForTerminal(slot.pattern, 60));
  }
  slot.regex = std::move(regex);
}

void ReadNumberLimits(YamlMap& map, Slot& slot, Problems& problems) {
  slot.minimum = map.Number("min", -1e15, 1e15);
  slot.maximum = map.Number("max", -1e15, 1e15);
  slot.integer = map.Bool("integer", false);
  slot.unit = map.Text("unit");
  if (slot.minimum && slot.maximum && *slot.minimum > *slot.maximum) {
    problems.Error(map.PlaceOf("min"), "\"min\" is larger than \"max\"; swap them");
  }
}

std::string ReadDateLimit(YamlMap& map, std::string_view key, Problems& problems) {
  const std::string text = map.Text(key);
  if (text.empty() || text == "today" || text == "tomorrow" || text == "yesterday" || ParseIsoDate(text)) return text;
  problems.Error(map.PlaceOf(key), "\"{}\" is \"{}\"; write today, tomorrow, yesterday or a date such as 2030-12-31",
                 key, EscapeForTerminal(text, 40));
  return {};
}

void ReadChoices(YamlMap& map, Slot& slot, Problems& problems) {
  const YamlNode::Entry* entry = map.Find("choices");
  if (entry == nullptr) {
    problems.Error(map.place(), "{} has no \"choices\"; give {{value: [other words for it]}}", map.what());
    return;
  }
  if (entry->value.kind == YamlNode::Kind::kSequence) {
    for (auto& [value, place] : map.TextList("choices"))
      slot.choices.emplace_back(std::move(value), std::vector<std::string>());
  } else if (const YamlNode* node = map.Map("choices")) {
    YamlMap choices(*node, fmt::format("\"choices\" of {}", map.what()), problems);
    for (const YamlNode::Entry& choice : node->entries) {
      std::vector<std::string> synonyms;
      if (choice.value.kind != YamlNode::Kind::kNull) {
        for (auto& [word, place] : choices.TextList(choice.key)) synonyms.push_back(std::move(word));
      }
      slot.choices.emplace_back(choice.key, std::move(synonyms));
    }
  } else {
    return;
  }
  if (slot.choices.empty()) problems.Error(map.PlaceOf("choices"), "\"choices\" is empty; give at least two values");
  std::vector<std::pair<std::string, std::string>> seen;  // normalised word, value
  for (const auto& [value, synonyms] : slot.choices) {
    std::vector<std::string> words = synonyms;
    words.push_back(value);
    for (const std::string& word : words) {
      std::string normal = JoinWords(SplitWords(word));
      if (normal.empty()) {
        problems.Error(map.PlaceOf("choices"), "\"{}\" of choice \"{}\" holds no letter or digit; remove it",
                       EscapeForTerminal(word, 40), value);
        continue;
      }
      const auto same = std::find_if(seen.begin(), seen.end(), [&](const auto& pair) { return pair.first == normal; });
      if (same != seen.end() && same->second != value) {
        problems.Error(map.PlaceOf("choices"), "\"{}\" stands for both \"{}\" and \"{}\"; keep one", word, same->second,
                       value);
      }
      seen.emplace_back(std::move(normal), value);
    }
  }
}

// `label: PER`, or a list of labels. Whether the model has them is seen when it is loaded.
void ReadEntity(YamlMap& map, Slot& slot, Problems& problems) {
  slot.entity_model = map.RequiredText("model", "name a token classification model of the store, or its folder");
  const YamlNode::Entry* label = map.Find("label");
  if (label == nullptr) {
    problems.Error(map.place(), "{} has no \"label\"; name what the model calls such words, for example PER",
                   map.what());
  } else if (label->value.kind == YamlNode::Kind::kSequence) {
    for (auto& [text, place] : map.TextList("label")) slot.entity_labels.push_back(std::move(text));
    if (slot.entity_labels.empty()) problems.Error(map.PlaceOf("label"), "\"label\" is empty; name at least one");
  } else {
    slot.entity_labels = {map.Text("label")};
  }
  slot.min_score = map.Number("min_score", 0, 1).value_or(slot.min_score);
}

void CheckHoles(const std::string& text, std::string_view key, const Form& form, YamlPlace place, Problems& problems) {
  std::vector<std::string> names;
  for (const Slot& slot : form.slots) names.push_back(slot.name);
  for (const std::string& word : SlotPlaceholders(text)) {
    if (form.FindSlot(word) == nullptr) {
      problems.Error(place, "{{{}}} in \"{}\" is no slot of form \"{}\"{}", word, key, form.name,
                     DidYouMean(word, names));
    }
  }
}

bool IsPlaceholderName(std::string_view name) {
  bool good = !name.empty() && name.size() <= 64;
  for (const char c : name) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
  }
  return good;
}

std::optional<Slot> ReadSlot(const YamlNode::Entry& entry, const Form& form, Problems& problems) {
  YamlMap map(entry.value, fmt::format("slot \"{}\" of form \"{}\"", entry.key, form.name), problems);
  if (!map.valid()) return std::nullopt;
  if (!IsPlaceholderName(entry.key)) {
    problems.Error(entry.key_place,
                   "\"{}\" is no name for a slot; use letters, digits and '_', so that {{{}}} can stand in texts",
                   EscapeForTerminal(entry.key, 60), "name");
  }
  Slot slot;
  slot.name = entry.key;
  slot.line = entry.key_place.line;
  slot.column = entry.key_place.column;
  const size_t before = problems.num_errors();
  const std::string type = map.OneOf("type", kSlotTypes, "");
  if (problems.num_errors() > before) return std::nullopt;
  slot.type = kSlotTypeValues[std::find(kSlotTypes.begin(), kSlotTypes.end(), type) - kSlotTypes.begin()];
  switch (slot.type) {
    case Slot::Type::kRegex:
      ReadPattern(map, slot, problems);
      break;
    case Slot::Type::kNumber:
      ReadNumberLimits(map, slot, problems);
      break;
    case Slot::Type::kChoice:
      ReadChoices(map, slot, problems);
      break;
    case Slot::Type::kDate:
      slot.min_date = ReadDateLimit(map, "min", problems);
      slot.max_date = ReadDateLimit(map, "max", problems);
      break;
    case Slot::Type::kText:
      slot.max_length = static_cast<size_t>(map.Integer("max_length", static_cast<int64_t>(slot.max_length), 1, 4'000));
      break;
    case Slot::Type::kEntity:
      ReadEntity(map, slot, problems);
      break;
    case Slot::Type::kEmail:
      break;
  }
  slot.optional = map.Bool("optional", false);
  slot.prompt = map.Text("prompt");
  slot.error = map.Text("error");
  if (slot.prompt.empty()) slot.prompt = phrases::DefaultPrompt(slot);
  if (slot.error.empty()) slot.error = phrases::DefaultError(slot);
  map.Finish({"pattern", "min", "max", "integer", "unit", "choices", "max_length", "model", "label", "min_score"},
             fmt::format("type {}", type));
  return slot;
}

void ReadSubmit(YamlMap& form_map, Form& form, bool slots_are_right, Problems& problems) {
  const YamlNode::Entry* entry = form_map.Find("submit");
  if (entry == nullptr) return;
  YamlMap map(entry->value, fmt::format("\"submit\" of form \"{}\"", form.name), problems);
  const std::string type = map.OneOf("type", {"respond", "http"}, "");
  if (type == "http") {
    SubmitAction& submit = form.submit;
    submit.type = SubmitAction::Type::kHttp;
    submit.url = map.RequiredText("url", "give the address that takes the form");
    CheckUrl(submit.url, map.PlaceOf("url"), problems);
    if (slots_are_right) CheckHoles(submit.url, "url", form, map.PlaceOf("url"), problems);
    submit.method = map.OneOf("method", {"POST", "PUT", "PATCH"}, "POST");
    submit.timeout = map.Duration("timeout", submit.timeout, std::chrono::milliseconds(1), std::chrono::minutes(5));
    submit.secret = ReadSecret(map, fmt::format("form \"{}\" is not handed in", form.name));
  }
  map.Finish({"url", "method", "timeout", "secret"}, "type respond");
}

void ReadForm(const YamlNode::Entry& entry, RouteFileReading& reading) {
  Problems& problems = reading.problems;
  if (!CheckName("a form", entry.key, entry.key_place, problems)) return;
  reading.form_places[entry.key] = entry.key_place;
  Form form;
  form.name = entry.key;
  YamlMap map(entry.value, fmt::format("form \"{}\"", form.name), problems);
  if (!map.valid()) return;
  form.description = map.Text("description");
  const size_t before = problems.num_errors();
  const YamlNode* slots = map.Map("slots");
  if (slots != nullptr) {
    for (const YamlNode::Entry& slot_entry : slots->entries) {
      if (auto slot = ReadSlot(slot_entry, form, problems)) form.slots.push_back(*std::move(slot));
    }
  }
  if (form.slots.empty() && problems.num_errors() == before) {
    problems.Error(entry.key_place, "form \"{}\" has no \"slots\"; give what it asks for", form.name);
  }
  const bool slots_are_right = problems.num_errors() == before;
  form.confirm = map.Text("confirm");
  form.done = map.Text("done", phrases::kDone);
  form.cancelled = map.Text("cancelled", phrases::kCancelled);
  form.failed = map.Text("failed", phrases::kFailed);
  ReadSubmit(map, form, slots_are_right, problems);
  map.Finish();
  // With a broken slot the names are not all known, and each {name} would be a follow-up error.
  if (slots_are_right) {
    CheckHoles(form.confirm, "confirm", form, map.PlaceOf("confirm"), problems);
    CheckHoles(form.done, "done", form, map.PlaceOf("done"), problems);
    CheckHoles(form.cancelled, "cancelled", form, map.PlaceOf("cancelled"), problems);
    CheckHoles(form.failed, "failed", form, map.PlaceOf("failed"), problems);
    for (const Slot& slot : form.slots) {
      const YamlNode::Entry* place = slots->Find(slot.name);
      CheckHoles(slot.prompt, "prompt", form, place->key_place, problems);
      CheckHoles(slot.error, "error", form, place->key_place, problems);
    }
  }
  reading.file.forms.emplace(entry.key, std::move(form));
}

}  // namespace

void ReadForms(YamlMap& top, RouteFileReading& reading) {
  if (const YamlNode* node = top.Map("forms")) {
    for (const YamlNode::Entry& entry : node->entries) ReadForm(entry, reading);
  }
}

}  // namespace bantam
