#include "api/context.h"

#include <algorithm>

namespace bantam {

std::string ApiContext::Resolve(std::string_view name) const {
  std::string target = aliases.TargetOf(name);
  return target.empty() ? std::string(WithoutLatest(name)) : target;
}

ServedModelPtr ApiContext::FindModel(std::string_view name) const {
  std::string resolved = Resolve(name);
  if (ServedModelPtr model = models->Find(resolved)) return model;
  if (resolved.find(':') == std::string::npos) return nullptr;
  std::ranges::replace(resolved, ':', '-');
  return models->Find(resolved);
}

Result<ServedModelPtr> ApiContext::GetModel(std::string_view name) const {
  if (ServedModelPtr model = FindModel(name)) return model;
  return models->Get(Resolve(name));
}

bool ApiContext::IsRouter(std::string_view name) const {
  const std::shared_ptr<Router> served = router();
  if (served == nullptr) return false;
  return served->file().name == WithoutLatest(name) || served->file().name == aliases.TargetOf(name);
}

std::string ApiContext::ModelNames() const {
  const std::shared_ptr<Router> served = router();
  std::string names = served == nullptr ? "" : served->file().name;
  for (const ServedModelPtr& model : models->List()) names += (names.empty() ? "" : ", ") + model->name;
  return names;
}

std::string ApiContext::NamesOf(bool (*can)(const ServedModel& model)) const {
  std::string names;
  for (const ServedModelPtr& model : models->List()) {
    if (can(*model)) names += (names.empty() ? "" : ", ") + model->name;
  }
  return names.empty() ? "none" : names;
}

std::string ApiContext::EncoderNames() const {
  return NamesOf([](const ServedModel& model) { return model.embedder != nullptr; });
}

}  // namespace bantam
