#include "capi/answer.h"

#include <memory>
#include <vector>

namespace bantam::capi {
namespace {

static_assert(BANTAM_SOURCE_RULE == static_cast<int>(AnswerSource::kRule));
static_assert(BANTAM_SOURCE_CACHE == static_cast<int>(AnswerSource::kCache));
static_assert(BANTAM_SOURCE_LOCAL_MODEL == static_cast<int>(AnswerSource::kLocalModel));
static_assert(BANTAM_SOURCE_UPSTREAM == static_cast<int>(AnswerSource::kUpstream));
static_assert(BANTAM_DECISION_ANSWER == static_cast<int>(DecisionKind::kAnswer));
static_assert(BANTAM_DECISION_FORM == static_cast<int>(DecisionKind::kForm));
static_assert(BANTAM_DECISION_ESCALATE == static_cast<int>(DecisionKind::kEscalate));
static_assert(BANTAM_DECISION_UNSURE == static_cast<int>(DecisionKind::kUnsure));
static_assert(BANTAM_DECISION_CLARIFY == static_cast<int>(DecisionKind::kClarify));

struct Answer : bantam_answer {
  AssistantAnswer own;
  std::vector<bantam_nearest> nearest_list;
  bantam_form form_view;
  std::vector<bantam_slot> slots;
  std::vector<const char*> missing, set;
  std::string id;
  bantam_budget budget_view;
  std::vector<bantam_part> part_list;
};

struct Explained : bantam_explanation {
  Explanation own;
  std::vector<bantam_ranked> ranked_list;
  std::vector<bantam_nearest> nearest_list;
};

std::vector<bantam_nearest> NearestList(const std::vector<NearestExample>& examples) {
  std::vector<bantam_nearest> list;
  for (const NearestExample& example : examples) {
    list.push_back({example.text.c_str(), example.route.c_str(), example.similarity});
  }
  return list;
}

void ShowForm(Answer& answer) {
  if (!answer.own.form) return;
  const FormProgress& form = *answer.own.form;
  for (const auto& [name, value] : form.slots) answer.slots.push_back({name.c_str(), value.c_str()});
  for (const std::string& name : form.missing) answer.missing.push_back(name.c_str());
  answer.form_view = {.struct_size = sizeof(bantam_form),
                      .name = form.name.c_str(),
                      .state = form.state.c_str(),
                      .asked = form.asked.c_str(),
                      .num_slots = answer.slots.size(),
                      .slots = answer.slots.data(),
                      .num_missing = answer.missing.size(),
                      .missing = answer.missing.data()};
  answer.form = &answer.form_view;
}

void ShowEvidence(Answer& answer) {
  const AssistantAnswer& own = answer.own;
  answer.has_p_correct = own.p_correct ? 1 : 0;
  answer.p_correct = own.p_correct.value_or(0);
  for (const std::string& route : own.prediction_set) answer.set.push_back(route.c_str());
  answer.num_prediction_set = answer.set.size();
  answer.prediction_set = answer.set.data();
  answer.calibration_id = own.calibration_id.c_str();
  for (const AnsweredPart& part : own.parts)
    answer.part_list.push_back({part.text.c_str(), part.route.c_str(), part.confidence, 0});
  answer.num_parts = answer.part_list.size();
  answer.parts = answer.part_list.data();
  if (!own.budget) return;
  answer.budget_view = {.max_error = own.budget->max_error,
                        .delta = own.budget->delta,
                        .threshold = own.budget->threshold,
                        .num_calibration = own.budget->num_calibration,
                        .reserved = 0};
  answer.budget = &answer.budget_view;
}

}  // namespace

bantam_answer* NewAnswer(AssistantAnswer own, std::string request_id) {
  auto answer = std::make_unique<Answer>();
  answer->own = std::move(own);
  answer->id = std::move(request_id);
  const AssistantAnswer& a = answer->own;
  answer->nearest_list = NearestList(a.nearest);
  static_cast<bantam_answer&>(*answer) = {
      .struct_size = sizeof(bantam_answer),
      .route = a.route.c_str(),
      .accepted = a.route.empty() ? 0 : 1,
      .confidence = a.confidence,
      .threshold = a.threshold,
      .source = static_cast<bantam_source>(a.source),
      .decision = static_cast<bantam_decision>(a.decision),
      .text = a.text.c_str(),
      .text_size = a.text.size(),
      .model = a.model.c_str(),
      .problem = a.upstream_error ? a.upstream_error->c_str() : "",
      .num_nearest = answer->nearest_list.size(),
      .nearest = answer->nearest_list.data(),
      .form = nullptr,
      .exit_layer = a.exit_layer,
      .num_tokens = static_cast<uint32_t>(a.prompt_tokens),
      .latency_ms = a.latency_ms,
      .cost = a.cost,
      .request_id = answer->id.c_str(),
      .queued = a.queued ? 1 : 0,
      .has_p_correct = 0,
      .p_correct = 0,
      .num_prediction_set = 0,
      .prediction_set = nullptr,
      .budget = nullptr,
      .calibration_id = "",
      .num_parts = 0,
      .parts = nullptr,
  };
  ShowEvidence(*answer);
  ShowForm(*answer);
  return answer.release();
}

bantam_explanation* NewExplanation(Explanation own) {
  auto explained = std::make_unique<Explained>();
  explained->own = std::move(own);
  const Explanation& e = explained->own;
  const Understanding& u = e.understanding;
  for (const RankedRoute& ranked : u.ranking)
    explained->ranked_list.push_back({ranked.route.c_str(), ranked.probability});
  explained->nearest_list = NearestList(u.nearest);
  static_cast<bantam_explanation&>(*explained) = {
      .struct_size = sizeof(bantam_explanation),
      .route = e.route.c_str(),
      .likeliest = u.route.c_str(),
      .action = e.action.c_str(),
      .threshold_from = e.threshold_from.c_str(),
      .confidence = u.confidence,
      .threshold = static_cast<float>(e.threshold),
      .out_of_scope = u.out_of_scope,
      .decision = static_cast<bantam_decision>(e.decision),
      .num_ranked = explained->ranked_list.size(),
      .ranked = explained->ranked_list.data(),
      .num_nearest = explained->nearest_list.size(),
      .nearest = explained->nearest_list.data(),
      .exit_layer = u.exit_layer,
      .num_tokens = static_cast<uint32_t>(u.num_tokens),
  };
  return explained.release();
}

void ShowSent(const SentQuestion& sent, const bantam_send_options& options) {
  const AssistantRequest& request = sent.question.request;
  const std::string question(sent.question.text());
  const bantam_sent view = {.struct_size = sizeof view,
                            .request_id = request.request_id.c_str(),
                            .session_id = request.session_id.c_str(),
                            .tenant = request.tenant.c_str(),
                            .model = sent.question.model.c_str(),
                            .question = question.c_str(),
                            .text = sent.reply.text.c_str(),
                            .problem = sent.problem.c_str(),
                            .cost = sent.reply.cost};
  options.sent(options.user_data, &view);
}

}  // namespace bantam::capi

extern "C" {

void bantam_answer_free(bantam_answer* answer) { delete static_cast<bantam::capi::Answer*>(answer); }

void bantam_explanation_free(bantam_explanation* explanation) {
  delete static_cast<bantam::capi::Explained*>(explanation);
}
}
