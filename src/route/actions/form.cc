// form: asks for slots over several turns. {type: form, form: NAME}; the conversation itself is in route/forms/.
#include "route/actions/action.h"

namespace bantam {
namespace {

class FormAction : public Action {
 public:
  explicit FormAction(std::string form) : form_(std::move(form)) {}

  std::string Describe() const override { return "form " + form_; }
  DecisionKind kind() const override { return DecisionKind::kForm; }
  bool AnswersAtOnce() const override { return false; }

  std::string FormToStart() const override { return form_; }
  Result<ActionResult> Run(const ActionContext&) const override { return ActionResult(); }

 private:
  const std::string form_;
};

}  // namespace

std::shared_ptr<const Action> ReadFormAction(YamlMap& map, References& references) {
  const std::string form = map.RequiredText("form", "name one of \"forms\"");
  references.Add(References::Kind::kForm, form, map.PlaceOf("form"));
  return std::make_shared<FormAction>(form);
}

}  // namespace bantam
