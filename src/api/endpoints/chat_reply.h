// What POST /v1/chat/completions says for the assistant, as OpenAI's clients read it. What we know beyond OpenAI's
// fields travels in the object `bantam` beside them: on the reply, and on the last chunk of a stream.
#pragma once

#include <memory>
#include <string>

#include "api/endpoints/text_writer.h"
#include "api/http_types.h"

namespace bantam {

struct ChatReplyHead {
  std::string request_id;
  std::string model;
  int64_t created = 0;  // seconds since 1970

  std::string id() const { return "chatcmpl-" + request_id; }
};

struct ChatDelivery {
  bool stream = false;
  bool include_usage = false;  // in a last event of a stream
};

// Of an assistant's answers alone.
std::unique_ptr<TextWriter> NewChatWriter(Responder& responder, ChatReplyHead head, const ChatDelivery& delivery);

}  // namespace bantam
