// What POST /v1/chat/completions says for the assistant, as OpenAI's clients read it. What we know beyond OpenAI's
// fields travels in the object `bantam` beside them: on the reply, and on the last chunk of a stream.
#pragma once

#include <string>
#include <string_view>

#include "api/error_map.h"
#include "api/http_types.h"
#include "api/work_done.h"
#include "base/json_writer.h"
#include "route/types.h"

namespace bantam {

struct ChatReplyHead {
  std::string request_id;
  std::string model;
  int64_t created = 0;  // seconds since 1970

  std::string id() const { return "chatcmpl-" + request_id; }
};

// truncated: the encoder read the beginning of the question only.
HttpReply WholeChatReply(const ChatReplyHead& head, const AssistantAnswer& answer, bool truncated);

// Writes the events of one streamed reply. The head is sent with the first event, because only then it is known whether
// the answer came from the cache.
class ChatChunks {
 public:
  // All of them outlive it.
  ChatChunks(Responder& responder, const WorkDone& work, const ChatReplyHead& head, bool include_usage)
      : responder_(responder), work_(work), head_(head), include_usage_(include_usage) {}

  bool Piece(std::string_view text, bool cache_hit);
  void Finish(const AssistantAnswer& answer, bool truncated);
  void Fail(const Error& error);
  bool begun() const { return begun_; }

 private:
  JsonWriter Begin(std::string& event) const;
  bool Event(std::string event);
  void Done();

  Responder& responder_;
  const WorkDone& work_;
  const ChatReplyHead& head_;
  const bool include_usage_;
  bool begun_ = false;
};

}  // namespace bantam
