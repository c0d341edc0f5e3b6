// GET /v1/usage: how much the assistant was asked, who answered and what it cost, over time; what is left of budgets.
#include "route/usage.h"

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"

namespace bantam {
namespace {

json::object UsageJson(const UsageReport& report, const Usage& usage) {
  const auto source = [&](AnswerSource s) { return usage.by_source[static_cast<size_t>(s)]; };
  const std::optional<double> all = report.CostIfAllEscalated(usage);
  return {{"messages", usage.messages},
          {"rule", source(AnswerSource::kRule)},
          {"cache", source(AnswerSource::kCache)},
          {"local_model", source(AnswerSource::kLocalModel)},
          {"upstream", source(AnswerSource::kUpstream)},
          {"unsure", usage.unsure},
          {"escalated", usage.escalated},
          {"late_answers", usage.late_answers},
          {"cost", usage.cost},
          {"label_cost", usage.label_cost},
          {"cost_if_all_escalated", all ? json::value(*all) : json::value()}};
}

// Of the route file as it is now: also those of which nothing was spent yet.
json::array BudgetsJson(const RouteFile& file, const std::vector<AccountState>& states) {
  json::array budgets;
  const auto add = [&](std::string_view name, const SpendingLimit& limit) {
    if (!limit.any()) return;
    const auto state = std::ranges::find(states, name, &AccountState::name);
    const Spent spent = state == states.end() ? Spent() : state->spent;
    budgets.push_back({{"name", name},
                       {"period_s", limit.period.count()},
                       {"max_budget", limit.money ? json::value(*limit.money) : json::value()},
                       {"spent", spent.money},
                       {"token_budget", limit.tokens ? json::value(*limit.tokens) : json::value()},
                       {"spent_tokens", spent.tokens}});
  };
  add(kAllModels, file.spending_limits.total);
  for (const UpstreamConfig& upstream : file.upstreams) add(upstream.label, upstream.limit);
  return budgets;
}

}  // namespace

void HandleUsage(ApiContext& context, const HttpRequest&, Responder& responder) {
  const std::shared_ptr<Router> router = context.router();
  if (router == nullptr)
    return responder.Send(OpenAiError(404, "there is no assistant here that could be asked: serve a route file"));
  const UsageReport report = router->ReadUsage();
  json::array histories;
  for (size_t i = 0; i < report.buckets.size(); ++i) {
    json::array buckets;
    for (const UsageBucket& bucket : report.buckets[i]) {
      json::object object{{"start_time", bucket.begin_s}};
      for (auto& [key, value] : UsageJson(report, bucket.usage)) object[key] = std::move(value);
      buckets.push_back(std::move(object));
    }
    histories.push_back({{"bucket_width_s", kUsageWidths[i].seconds},
                         {"num_buckets", kUsageWidths[i].num_buckets},
                         {"buckets", std::move(buckets)}});
  }
  const json::object body{{"object", "usage"},
                          {"assistant", router->file().name},
                          {"time", std::time(nullptr)},
                          {"start_time", report.started_s},
                          {"known_since", report.since_s},
                          {"answer_cost", report.answer_cost ? json::value(*report.answer_cost) : json::value()},
                          {"since_start", UsageJson(report, report.since_start)},
                          {"histories", std::move(histories)},
                          {"budgets", BudgetsJson(router->file(), router->Stats().spending)}};
  responder.Send({.status = 200,
                  .content_type = "application/json",
                  .body = ToJson(body),
                  .headers = {{"Cache-Control", "no-store"}}});
}

}  // namespace bantam
