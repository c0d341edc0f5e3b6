// respond: a fixed text of the file. {type: respond, response: NAME}
#include "route/actions/action.h"

namespace bantam {
namespace {

class RespondAction : public Action {
 public:
  explicit RespondAction(std::string response) : response_(std::move(response)) {}

  std::string Describe() const override { return "respond " + response_; }
  DecisionKind kind() const override { return DecisionKind::kAnswer; }
  bool AnswersAtOnce() const override { return true; }

  Result<ActionResult> Run(const ActionContext& context) const override {
    ActionResult result;
    result.text = context.file.responses.at(response_);
    result.cacheable = true;
    return result;
  }

 private:
  const std::string response_;
};

}  // namespace

std::shared_ptr<const Action> ReadRespondAction(YamlMap& map, References& references) {
  const std::string response = map.RequiredText("response", "name one of \"responses\"");
  references.Add(References::Kind::kResponse, response, map.PlaceOf("response"));
  return std::make_shared<RespondAction>(response);
}

}  // namespace bantam
