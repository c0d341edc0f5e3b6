// --dtype of the commands that load a model.
#pragma once

#include <string>

#include "models/encoder.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bantam::cli {

class DtypeOption {
 public:
  explicit DtypeOption(std::string value) : value_(std::move(value)) {}
  // "auto" besides, the default: encoders int8, decoders in the block formats of their file.
  static DtypeOption Automatic();
  // `help` begins the option's description.
  void AddTo(CLI::App& app, const std::string& help);
  Result<WeightType> Type() const { return value_ == kAuto ? WeightType::kInt8 : ParseWeightType(value_); }
  Result<WeightType> TypeOfDecoder() const { return value_ == kAuto ? WeightType::kBlocks : ParseWeightType(value_); }
  const std::string& value() const { return value_; }
  // Stored integers stay what they are: asking for another type by name is a mistake to tell, the default is not.
  Status Check(const Encoder& encoder, std::string_view model) const { return Check(encoder.weight_type(), model); }
  Status Check(WeightType loaded, std::string_view model) const;

 private:
  static constexpr std::string_view kAuto = "auto";
  std::string value_;
  bool automatic_ = false;
  CLI::Option* option_ = nullptr;
};

}  // namespace bantam::cli
