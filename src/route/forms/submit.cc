#include "route/forms/submit.h"

#include <algorithm>

#include "net/url_encode.h"
#include "route/placeholders.h"
#include "route/result_cache.h"
#include "route/yaml_reader.h"

namespace bantam {
namespace {

json::value ValueOf(const Slot& slot, const SlotValue* value) {
  if (value == nullptr) return nullptr;
  if (slot.type == Slot::Type::kNumber) {
    if (const auto whole = ParseStrictInteger(value->value)) return *whole;
    if (const auto number = ParseStrictNumber(value->value)) return *number;
  }
  return json::value(value->value);
}

}  // namespace

std::string SubmitBody(const Form& form, const FormState& state) {
  json::object body;
  for (const Slot& slot : form.slots) body[slot.name] = ValueOf(slot, state.Find(slot.name));
  return ToJson(body);
}

std::string IdempotencyKey(const FormState& state) {
  CacheKey key;
  key.Add("bantam form").Add(state.seed).Add(state.form);
  auto filled = state.filled;
  std::sort(filled.begin(), filled.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [slot, value] : filled) key.Add(slot).Add(value.value);
  return HexOf(key.Finish()).substr(0, 32);
}

SubmitResult SubmitForm(const Form& form, const FormState& state, const HttpSend& send, std::string_view request_id,
                        MonotonicTime deadline, std::stop_token stop) {
  const SubmitAction& submit = form.submit;
  if (submit.type == SubmitAction::Type::kRespond) return {.accepted = true};
  OutgoingRequest request;
  request.method = submit.method;
  std::string encoded;
  request.url = FillSlots(submit.url, [&](std::string_view slot) {
    const SlotValue* value = state.Find(slot);
    encoded = value == nullptr ? std::string() : UrlEncode(value->value);
    return &encoded;
  });
  request.headers = {{"Content-Type", "application/json"},
                     {"Accept", "application/json"},
                     {"Idempotency-Key", IdempotencyKey(state)},
                     {"X-Request-Id", std::string(request_id)}};
  request.body = SubmitBody(form, state);
  if (const Status signed_well = Sign(submit.secret, request); !signed_well)
    return {false, "submit_unsigned", signed_well.error().message};
  request.first_byte_timeout = submit.timeout;
  request.idle_timeout = submit.timeout;
  request.deadline = std::min(deadline, MonotonicNow() + submit.timeout);
  request.max_response_bytes = size_t{1} << 20;
  const Result<IncomingResponse> response = send(request, stop);
  if (!response) {
    if (response.error().code == ErrorCode::kCancelled) return {false, "cancelled", response.error().message};
    std::string outcome = ServiceOutcome(response.error());
    outcome.replace(0, std::string_view("http").size(), "submit");
    return {false, std::move(outcome), response.error().message};
  }
  if (response->status < 200 || response->status > 299) {
    return {false, "submit_status", fmt::format("the service answered with status {}", response->status)};
  }
  return {.accepted = true};
}

}  // namespace bantam
