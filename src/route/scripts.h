// Whether a message is written in letters that neither the examples nor the encoder know: whatever the encoder makes of
// it then means nothing, and lies near some example all the same.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "learn/examples.h"
#include "text/tokenizer.h"

namespace bantam {

// Immutable and thread-safe.
class KnownScripts {
 public:
  explicit KnownScripts(std::span<const LabelledText> examples);

  // The name of the script that most of the text's letters have ("Cyrillic"), when hardly an example is written in it
  // and the tokenizer takes it to pieces of single letters; empty otherwise, and where there are too few letters to
  // tell. Languages that share a script are not told apart. Costs nothing for a text in ASCII.
  std::string_view ForeignScript(std::string_view text, const Tokenizer& tokenizer) const;

 private:
  unsigned known_ = 0;  // bits by script
};

}  // namespace bantam
