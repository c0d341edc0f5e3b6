#include "api/context.h"

namespace bantam {
namespace {
std::string_view WithoutTag(std::string_view name) {
  if (name.ends_with(":latest")) name.remove_suffix(7);
  return name;
}
}  // namespace

bool ApiContext::IsRouter(std::string_view name) const {
  return router != nullptr && router->file().name == WithoutTag(name);
}

std::string ApiContext::ModelNames() const {
  std::string names = router == nullptr ? "" : router->file().name;
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
