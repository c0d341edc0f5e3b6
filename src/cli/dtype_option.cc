#include "cli/dtype_option.h"

#include <CLI/CLI.hpp>

#include "base/text_util.h"

namespace bantam::cli {

void DtypeOption::AddTo(CLI::App& app, const std::string& help) {
  option_ = app.add_option("--dtype", value_, help + "; a model that 'bantam quantize' wrote keeps its own")
                ->check(CLI::IsMember({"f32", "int8", "int4"}))
                ->capture_default_str();
}

Status DtypeOption::Check(WeightType loaded, std::string_view model) const {
  BANTAM_TRY(const WeightType asked, Type());
  if (option_ == nullptr || option_->count() == 0 || asked == loaded) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "--dtype {}: the weights of {} are stored as {}; leave --dtype out, or take the original model", value_,
             EscapeForTerminal(model), WeightTypeName(loaded));
}

}  // namespace bantam::cli
