// From tokens back to text: a decoder turns the list of tokens into the list of strings that, joined, are the text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/json_part.h"

namespace bantam::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void Apply(std::vector<std::string>& tokens) const = 0;
};

// A JSON null makes none: then the tokens are joined by spaces.
Result<std::unique_ptr<Decoder>> MakeDecoder(const JsonPart& config);
// The text of these tokens. `decoder` may be null.
std::string DecodeTokens(const Decoder* decoder, std::vector<std::string> tokens);

}  // namespace bantam::text
