// privacy: what is taken out of texts before they leave.
#include "base/text_util.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

// A model that finds names of people, and with it the type PERSON.
void ReadPerson(YamlMap& pii, PiiRule& rule, Problems& problems) {
  const YamlNode* node = pii.Map("person");
  if (node == nullptr) return;
  YamlMap map(*node, "\"person\"", problems);
  rule.person.model =
      map.RequiredText("model", "name a token classification model of the store, or its folder, that finds names");
  rule.person.line = map.PlaceOf("model").line;
  rule.person.column = map.PlaceOf("model").column;
  for (const auto& [label, place] : map.TextList("labels")) rule.person.labels.push_back(label);
  rule.person.min_score = map.Number("min_score", 0, 1).value_or(rule.person.min_score);
  map.Finish();
  rule.modes[static_cast<size_t>(PiiType::kPerson)] = PiiMode::kOn;
}

void ReadTypes(YamlMap& pii, PiiRule& rule, Problems& problems) {
  const YamlNode* node = pii.Map("types");
  if (node == nullptr) return;
  YamlMap types(*node, "\"types\"", problems);
  for (size_t i = 0; i < kNumPiiTypes; ++i) {
    const bool is_person = static_cast<PiiType>(i) == PiiType::kPerson;
    const std::string other = is_person && rule.person.model.empty() ? "off" : "on";
    const std::string mode = types.OneOf(PiiTypeName(static_cast<PiiType>(i)), {"on", "off", "mask_only"}, other);
    rule.modes[i] = mode == "off" ? PiiMode::kOff : mode == "mask_only" ? PiiMode::kMaskOnly : PiiMode::kOn;
    if (is_person && rule.person.model.empty() && rule.modes[i] != PiiMode::kOff) {
      problems.Error(types.PlaceOf("PERSON"),
                     "PERSON needs a model that finds names; add person: {{model: NAME}} beside \"types\"");
    }
  }
  types.Finish();
}

void ReadMaskBefore(YamlMap& pii, PiiRule& rule, RouteFileReading& reading) {
  std::vector<std::string> known;
  for (const auto& [name, place] : reading.model_places) known.push_back(name);
  for (const auto& [model, place] : pii.TextList("mask_before")) {
    rule.models.insert(model);
    if (!reading.model_places.contains(model)) {
      reading.problems.Error(place, "there is no model \"{}\"{}", EscapeForTerminal(model, 60),
                             DidYouMean(model, known));
    }
  }
  if (pii.HasList("mask_before") && rule.models.empty()) {
    reading.problems.Error(pii.PlaceOf("mask_before"),
                           "\"mask_before\" names no model; name some, or leave it out for all of them");
  }
}

// A question that was kept from one model should not reach another by a back door.
void CheckStandIns(const PiiRule& rule, YamlPlace place, RouteFileReading& reading) {
  const auto check = [&](const std::string& model, const std::string& other) {
    if (!rule.Masks(model) || rule.Masks(other)) return;
    reading.problems.Warning(place,
                             "\"{}\" gets masked texts, but \"{}\", which is asked in its place, gets them as they are",
                             model, other);
  };
  for (const auto& [model, others] : reading.file.fallbacks) {
    for (const std::string& other : others) check(model, other);
  }
  if (reading.file.on_budget_exceeded.empty()) return;
  for (const auto& [model, model_place] : reading.model_places) check(model, reading.file.on_budget_exceeded);
}

}  // namespace

void ReadPrivacy(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("privacy");
  if (node == nullptr) return;
  YamlMap privacy(*node, "\"privacy\"", reading.problems);
  if (const YamlNode* pii_node = privacy.Map("pii")) {
    YamlMap pii(*pii_node, "\"pii\"", reading.problems);
    PiiRule rule;
    ReadMaskBefore(pii, rule, reading);
    ReadPerson(pii, rule, reading.problems);
    ReadTypes(pii, rule, reading.problems);
    rule.reversible = pii.Bool("reversible", true);
    CheckStandIns(rule, pii.PlaceOf("mask_before"), reading);
    pii.Finish();
    reading.file.pii = std::move(rule);
  }
  privacy.Finish();
}

}  // namespace bantam
