// A text as Anthropic's clients read it: a message of blocks, whole or in events.
#pragma once

#include <memory>
#include <string>

#include "api/endpoints/text_writer.h"
#include "api/http_types.h"

namespace bantam {

struct MessageHead {
  std::string request_id;
  std::string model;
  bool stream = false;
  bool shows_thoughts = false;
  int max_tokens = 0;  // that were asked for; 0: not known
};

std::unique_ptr<TextWriter> NewMessageWriter(Responder& responder, MessageHead head);

}  // namespace bantam
