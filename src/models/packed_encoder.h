// What encoders with one block of packed weights have in common. Subclasses bring Forward and a workspace.
#pragma once

#include "kernels/isa.h"
#include "models/weight_binder.h"

namespace bantam {

struct EncoderFacts {
  int hidden_size = 0;
  int max_positions = 0;
  int vocab_size = 0;
  int type_vocab_size = 0;
  WeightType type = WeightType::kF32;
  bool quantized = false;  // some layer reads bytes
  const Kernels* kernels = nullptr;
};

class PackedEncoder : public Encoder {
 public:
  int hidden_size() const override { return facts_.hidden_size; }
  int max_positions() const override { return facts_.max_positions; }
  int vocab_size() const override { return facts_.vocab_size; }
  int type_vocab_size() const override { return facts_.type_vocab_size; }
  WeightType weight_type() const override { return facts_.type; }
  std::string_view isa() const override { return IsaName(facts_.kernels->isa); }
  uint64_t num_parameters() const override { return packed_.num_parameters; }
  uint64_t weight_bytes() const override { return packed_.memory.bytes().size(); }

 protected:
  PackedEncoder(const EncoderFacts& facts, PackedWeights packed) : facts_(facts), packed_(std::move(packed)) {}
  const std::byte* block() const { return packed_.memory.bytes().data(); }
  const Kernels& kernels() const { return *facts_.kernels; }
  bool quantized() const { return facts_.quantized; }

 private:
  EncoderFacts facts_;
  PackedWeights packed_;
};

}  // namespace bantam
