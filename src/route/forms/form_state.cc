#include "route/forms/form_state.h"

#include <algorithm>

namespace bantam {

const SlotValue* FormState::Find(std::string_view slot) const {
  for (const auto& [name, value] : filled) {
    if (name == slot) return &value;
  }
  return nullptr;
}

void FormState::Fill(std::string_view slot, SlotValue value) {
  std::erase_if(filled, [&](const auto& entry) { return entry.first == slot; });
  std::erase_if(skipped, [&](const std::string& name) { return name == slot; });
  filled.emplace_back(slot, std::move(value));
}

bool FormState::Skipped(std::string_view slot) const {
  return std::find(skipped.begin(), skipped.end(), slot) != skipped.end();
}

const Slot* FormState::NextMissing(const Form& definition) const {
  for (const Slot& slot : definition.slots) {
    if (Find(slot.name) == nullptr && !Skipped(slot.name)) return &slot;
  }
  return nullptr;
}

std::string FormState::ToJson() const {
  json::array slots;
  for (const auto& [name, value] : filled) slots.push_back(json::array{name, value.value});
  json::object object{{"version", 1},
                      {"form", form},
                      {"route", route},
                      {"slots", std::move(slots)},
                      {"asked", asked},
                      {"failures", failures},
                      {"offered_cancel", offered_cancel},
                      {"submit_failed", submit_failed},
                      {"seed", seed}};
  json::array& skipped_array = object.emplace("skipped", json::array()).first->value().get_array();
  for (const std::string& name : skipped) skipped_array.emplace_back(name);
  return bantam::ToJson(object);
}

Result<FormState> FormState::FromJson(std::string_view text, const RouteFile& file) {
  BANTAM_TRY(const json::value document, ParseJson(text, "state", {.max_depth = 8, .max_bytes = 65'536}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "state"));
  BANTAM_TRY(const int64_t version, object.Int("version", 1, 1));
  static_cast<void>(version);
  FormState state;
  BANTAM_TRY(state.form, object.String("form"));
  const auto form = file.forms.find(state.form);
  if (form == file.forms.end()) return Err(ErrorCode::kNotFound, "the form \"{}\" is gone", state.form);
  BANTAM_TRY(state.route, object.String("route"));
  if (file.FindRoute(state.route) == nullptr) return Err(ErrorCode::kNotFound, "the route \"{}\" is gone", state.route);
  BANTAM_TRY(const json::array* slots, object.Array("slots"));
  for (const json::value& entry : *slots) {
    if (!entry.is_array() || entry.get_array().size() != 2 || !entry.get_array()[0].is_string() ||
        !entry.get_array()[1].is_string()) {
      return Err(ErrorCode::kCorrupt, "a slot is no pair of texts");
    }
    const std::string_view name = entry.get_array()[0].get_string();
    const Slot* slot = form->second.FindSlot(name);
    if (slot == nullptr) continue;
    if (auto value = RestoreValue(*slot, std::string_view(entry.get_array()[1].get_string())))
      state.Fill(name, *std::move(value));
  }
  BANTAM_TRY(const json::array* skipped, object.Array("skipped"));
  for (const json::value& name : *skipped) {
    const Slot* slot = name.is_string() ? form->second.FindSlot(std::string_view(name.get_string())) : nullptr;
    if (slot != nullptr && slot->optional) state.skipped.push_back(slot->name);
  }
  BANTAM_TRY(state.asked, object.String("asked"));
  BANTAM_TRY(const int64_t failures, object.Int("failures", 0, 1'000'000));
  state.failures = static_cast<int>(failures);
  BANTAM_TRY(state.offered_cancel, object.Bool("offered_cancel"));
  BANTAM_TRY(state.submit_failed, object.Bool("submit_failed"));
  BANTAM_TRY(state.seed, object.String("seed"));
  // The pending question must still make sense after the file has changed.
  if (!state.asked.empty() && form->second.FindSlot(state.asked) == nullptr) state.asked.clear();
  if (state.asked.empty()) {
    if (const Slot* missing = state.NextMissing(form->second)) state.asked = missing->name;
  }
  return state;
}

FormProgress ProgressOf(const FormState& state, const Form& form, std::string_view word) {
  FormProgress progress;
  progress.name = form.name;
  for (const Slot& slot : form.slots) {
    if (const SlotValue* value = state.Find(slot.name)) {
      progress.slots.emplace_back(slot.name, value->value);
    } else if (!state.Skipped(slot.name)) {
      progress.missing.push_back(slot.name);
    }
  }
  progress.state = word;
  if (word == "asking") progress.asked = state.asked;
  return progress;
}

}  // namespace bantam
