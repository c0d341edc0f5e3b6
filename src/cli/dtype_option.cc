#include "cli/dtype_option.h"

#include <CLI/CLI.hpp>

#include "base/text_util.h"

namespace bantam::cli {

DtypeOption DtypeOption::Automatic() {
  DtypeOption option{std::string(kAuto)};
  option.automatic_ = true;
  return option;
}

void DtypeOption::AddTo(CLI::App& app, const std::string& help) {
  std::vector<std::string> known = {"f32", "int8", "int4"};
  if (automatic_) known.emplace(known.begin(), kAuto);
  option_ =
      app.add_option("--dtype", value_,
                     help + (automatic_ ? ": auto, f32, int8 or int4; auto: encoders int8, models that write text in "
                                          "the block formats of their file, floats as Q8_0"
                                        : "; a model that 'bantam quantize' wrote keeps its own"))
          ->check(CLI::IsMember(known))
          ->capture_default_str();
}

Status DtypeOption::Check(WeightType loaded, std::string_view model) const {
  if (value_ == kAuto) return Ok();
  BANTAM_TRY(const WeightType asked, Type());
  if (option_ == nullptr || option_->count() == 0 || asked == loaded) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "--dtype {}: the weights of {} are stored as {}; leave --dtype out, or take the original model", value_,
             EscapeForTerminal(model), WeightTypeName(loaded));
}

}  // namespace bantam::cli
