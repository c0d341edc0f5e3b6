// escalate: never answered by us. {type: escalate, model: NAME, response: NAME}
//
// With `model` the question goes to that large model, and `response` is said when it cannot be asked. Without one,
// `response` is the whole answer: "a person will look at this". With neither, decision.nlu_fallback is asked.
#include "route/actions/action.h"

namespace bantam {
namespace {

class EscalateAction : public Action {
 public:
  EscalateAction(std::string model, std::string response) : model_(std::move(model)), response_(std::move(response)) {}

  std::string Describe() const override {
    if (!model_.empty()) return "escalate to " + model_;
    return response_.empty() ? "escalate" : "escalate, " + response_;
  }
  DecisionKind kind() const override { return DecisionKind::kEscalate; }
  bool AnswersAtOnce() const override { return model_.empty() && !response_.empty(); }

  Result<ActionResult> Run(const ActionContext& context) const override {
    ActionResult result;
    result.escalate = true;
    result.escalate_model = model_.empty() && response_.empty() ? context.file.fallback_upstream : model_;
    if (!response_.empty()) result.text = context.file.responses.at(response_);
    result.cacheable = result.escalate_model.empty() && !response_.empty();
    return result;
  }

 private:
  const std::string model_, response_;
};

}  // namespace

std::shared_ptr<const Action> ReadEscalateAction(YamlMap& map, References& references) {
  const std::string model = map.Text("model");
  const std::string response = map.Text("response");
  if (map.Has("model")) references.Add(References::Kind::kModel, model, map.PlaceOf("model"));
  if (map.Has("response")) references.Add(References::Kind::kResponse, response, map.PlaceOf("response"));
  return std::make_shared<EscalateAction>(model, response);
}

}  // namespace bantam
