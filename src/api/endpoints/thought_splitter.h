// A model's text, as it comes, parted into what it thought ("<think>...</think>" at its beginning) and what it says.
// The parts do not depend on how the text was cut.
#pragma once

#include <string>
#include <string_view>

namespace bantam {

// One text's. One thread at a time.
class ThoughtSplitter {
 public:
  // Empty marks: the model has no thoughts, and everything is said. begun: the prompt opened a thought already.
  ThoughtSplitter(std::string_view opening, std::string_view closing, bool begun);

  struct Parts {
    std::string thought, said;
  };
  Parts Read(std::string_view piece, bool is_last);
  // What comes next belongs to a thought, as far as is known.
  bool in_thought() const { return state_ == State::kThoughtBegins || state_ == State::kThought; }

 private:
  enum class State { kBefore, kThoughtBegins, kThought, kSaidBegins, kSaid };
  // One state's share of what is held; whether there is more to do in the next one.
  bool Step(Parts& parts, bool is_last);

  const std::string opening_, closing_;
  State state_;
  std::string held_;  // what may become a mark, or white space beside one
};

}  // namespace bantam
