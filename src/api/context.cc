#include "api/context.h"

namespace bantam {
namespace {
std::string_view WithoutTag(std::string_view name) {
  if (name.ends_with(":latest")) name.remove_suffix(7);
  return name;
}
}  // namespace

const ServedModel* ApiContext::FindModel(std::string_view name) const {
  for (const ServedModel& model : models) {
    if (model.name == WithoutTag(name)) return &model;
  }
  return nullptr;
}

bool ApiContext::IsRouter(std::string_view name) const {
  return router != nullptr && router->file().name == WithoutTag(name);
}

std::string ApiContext::ModelNames() const {
  const std::string encoders = EncoderNames();
  if (router == nullptr) return encoders;
  return router->file().name + (encoders.empty() ? "" : ", ") + encoders;
}

std::string ApiContext::EncoderNames() const {
  std::string names;
  for (const ServedModel& model : models) names += (names.empty() ? "" : ", ") + model.name;
  return names;
}

}  // namespace bantam
