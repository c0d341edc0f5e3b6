#include "api/endpoints/lora_request.h"

#include <fmt/format.h>

#include <algorithm>

namespace bantam {

Status ReadAdapters(const JsonObject& body, const ServedModel& model, GenerateCall& call, std::string& at) {
  call.adapters = model.adapters;
  at = "lora";
  const json::value* sent = body.Find("lora");
  if (sent == nullptr || sent->is_null()) return Ok();
  BANTAM_TRY(const json::array* list, body.Array("lora"));
  const auto adapters = model.generator->adapters();
  std::vector<LoraUse> uses;
  for (size_t i = 0; i < list->size(); ++i) {
    at = fmt::format("lora[{}]", i);
    BANTAM_TRY(const JsonObject use, JsonObject::From((*list)[i], at));
    if (adapters.empty()) {
      return Err(ErrorCode::kInvalidArgument, "{} names an adapter, the model has none: serve it with --lora", at);
    }
    BANTAM_TRY(const int64_t id, use.Int("id", 0, static_cast<int64_t>(adapters.size()) - 1));
    BANTAM_TRY(const double scale, use.NumberOr("scale", 1, -kMostAdapterScale, kMostAdapterScale));
    const auto& adapter = adapters[static_cast<size_t>(id)].adapter;
    if (std::ranges::find(uses, adapter, &LoraUse::adapter) != uses.end()) {
      return Err(ErrorCode::kInvalidArgument, "{}: the adapter {} is there twice", at, id);
    }
    uses.push_back({adapter, static_cast<float>(scale)});
  }
  std::erase_if(uses, [](const LoraUse& use) { return use.scale == 0; });
  call.adapters = std::move(uses);
  return Ok();
}

}  // namespace bantam
