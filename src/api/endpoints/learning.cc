// /v1/learning: what the assistant learns from its traffic, for the console and for whoever reviews by program. As
// `bantam learn` (docs/howto/learn.md); what changes the head in force reloads the assistant as well.
#include "route/learning/learning_admin.h"

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/reload_thread.h"
#include "api/endpoints/uncached_reply.h"
#include "api/error_map.h"
#include "api/reload.h"
#include "base/paths.h"

namespace bantam {
namespace {

constexpr int64_t kMostShown = 200;  // candidates

struct Target {
  Assistant assistant;  // held: another one may take its place meanwhile
  Path folder;
  const RouteFile& file() const { return assistant.router->file(); }
};

Result<Target> FindTarget(ApiContext& context) {
  Target target{context.assistant.Get(), {}};
  if (target.assistant.router == nullptr)
    return Err(ErrorCode::kNotFound, "there is no assistant here that could learn: serve a route file");
  if (!target.file().learning) {
    return Err(ErrorCode::kNotFound, "the assistant \"{}\" does not learn: its route file has no \"learning\"",
               target.file().name);
  }
  BANTAM_TRY(target.folder, StateFolder(target.file().name));
  return target;
}

Result<json::object> Overview(ApiContext& context) {
  BANTAM_TRY(const Target target, FindTarget(context));
  BANTAM_TRY(const LearningStatus status, ReadLearningStatus(target.file(), target.folder));
  json::object body{{"object", "learning"}, {"assistant", target.file().name}};
  for (auto& [key, value] : StatusJson(status)) body[key] = std::move(value);
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(target.folder));
  BANTAM_TRY(const std::vector<Candidate> pending,
             store.List({.verdict = Verdict::kPending, .audited = false, .labelled = true, .limit = kMostShown}));
  json::array to_review;
  for (const Candidate& candidate : pending) to_review.push_back(CandidateJson(candidate));
  body["to_review"] = std::move(to_review);
  json::array labels;
  for (const Route& route : target.file().routes) {
    if (!route.utterances.empty())
      labels.push_back(json::object{{"route", route.name}, {"description", route.description}});
  }
  labels.push_back(json::object{{"route", kOutOfScopeLabel}, {"description", "none of these"}});
  body["labels"] = std::move(labels);
  return body;
}

// {"ids": [3, 4], "verdict": "accepted"}, or "relabelled" and a "route"
Result<json::object> Review(ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const Target target, FindTarget(context));
  at = "ids";
  BANTAM_TRY(const json::array* numbers, body.Array("ids"));
  std::vector<int64_t> ids;
  for (const json::value& number : *numbers) {
    if (!number.is_int64() || std::ssize(ids) == CandidateStore::kMostCandidates)
      return Err(ErrorCode::kInvalidArgument, "\"ids\" is a list of candidates' numbers, at most {}",
                 CandidateStore::kMostCandidates);
    ids.push_back(number.get_int64());
  }
  at = "verdict";
  BANTAM_TRY(const std::string name, body.String("verdict"));
  const std::optional<Verdict> verdict = ParseVerdict(name);
  if (!verdict)
    return Err(ErrorCode::kInvalidArgument,
               "\"verdict\" must be \"accepted\", \"rejected\", \"relabelled\" or \"pending\"");
  at = "route";
  BANTAM_TRY(const std::string route, body.StringOr("route", ""));
  if ((*verdict == Verdict::kRelabelled) == route.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "\"route\" goes with the verdict \"relabelled\": the right one, or \"oos\" for none");
  }
  BANTAM_RETURN_IF_ERROR(ReviewCandidates(target.file(), target.folder, ids, *verdict, route));
  at.clear();
  return json::object{{"object", "learning.review"}, {"verdict", name}, {"candidates", ids.size()}};
}

Result<json::object> MakeProposal(ApiContext& context) {
  BANTAM_TRY(const Target target, FindTarget(context));
  BANTAM_TRY(const Proposal proposal, Propose(target.file(), target.folder, target.assistant.encoder,
                                              {.num_threads = context.assistant_options.num_threads}));
  const ReloadReport reload = Reload(context);  // so that it decides beside the head in force
  json::object body{{"object", "learning.proposal"}};
  for (auto& [key, value] : ProposalJson(proposal)) body[key] = std::move(value);
  return body;
}

const Error* AssistantsError(const ReloadReport& report) {
  for (const ReloadedPart& part : report.parts) {
    if (part.kind == "assistant" && part.error) return &*part.error;
  }
  return nullptr;
}

Result<json::object> Promote(ApiContext& context) {
  BANTAM_TRY(const Target target, FindTarget(context));
  BANTAM_TRY(const int64_t generation, PromoteChallenger(target.file(), target.folder));
  const ReloadReport report = Reload(context);
  if (const Error* refused = AssistantsError(report)) {
    // What is served and what the state folder says are one.
    BANTAM_TRY(const int64_t before, RollBack(target.folder, {}));
    return Err(ErrorCode::kConflict, "generation {} is not promoted, and {} stays in force: {}", generation, before,
               refused->message);
  }
  return json::object{{"object", "learning.promotion"}, {"generation", generation}};
}

// {}, or {"to": 3}
Result<json::object> Return(ApiContext& context, const HttpRequest& request, std::string& at) {
  std::optional<int64_t> wanted;
  if (!request.body.empty()) {
    json::value document;
    BANTAM_TRY(const JsonObject body, ParseBody(request, document));
    at = "to";
    if (body.Has("to")) {
      BANTAM_TRY(wanted, body.Int("to", 0, INT64_MAX));
    }
  }
  BANTAM_TRY(const Target target, FindTarget(context));
  BANTAM_TRY(const int64_t generation, RollBack(target.folder, wanted));
  at.clear();
  const ReloadReport report = Reload(context);
  if (const Error* refused = AssistantsError(report)) return *refused;
  return json::object{{"object", "learning.rollback"}, {"generation", generation}};
}

}  // namespace

void HandleLearning(ApiContext& context, const HttpRequest&, Responder& responder) {
  responder.Send(UncachedReply(Overview(context)));
}

void HandleLearningReview(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  const auto body = Review(context, request, at);
  responder.Send(UncachedReply(body, at));
}

void HandleLearningPropose(ApiContext& context, const HttpRequest& http, Responder& responder) {
  RunOnReloadThread(context, http, responder,
                    [&context](Responder& taken) { taken.Send(UncachedReply(MakeProposal(context))); });
}

void HandleLearningPromote(ApiContext& context, const HttpRequest& http, Responder& responder) {
  RunOnReloadThread(context, http, responder,
                    [&context](Responder& taken) { taken.Send(UncachedReply(Promote(context))); });
}

void HandleLearningRollback(ApiContext& context, const HttpRequest& http, Responder& responder) {
  RunOnReloadThread(context, http, responder, [&context, &http](Responder& taken) {
    std::string at;
    const auto body = Return(context, http, at);
    taken.Send(UncachedReply(body, at));
  });
}

}  // namespace bantam
