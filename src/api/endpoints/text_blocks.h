// A text as the list of what it is made of: thoughts, what is said, calls. For APIs whose replies are such lists,
// Anthropic's messages and OpenAI's responses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/text_writer.h"

namespace bantam {

struct TextBlock {
  enum class Kind { kThought, kSaid, kCall };
  Kind kind = Kind::kSaid;
  std::string text = {};           // of a call its arguments
  std::string id = {}, name = {};  // of a call
};

class BlockWriter : public TextWriter {
 public:
  // stream: a derived class is told what comes as it comes.
  explicit BlockWriter(bool stream) : stream_(stream) {}
  bool streams() const final { return stream_; }
  bool pings() const final { return stream_; }
  bool Add(TextPart part) final;

 protected:
  // Of a stream, about the last of blocks(). False: the client is gone.
  virtual bool BlockBegins(const TextBlock& block) = 0;
  virtual bool BlockGrows(const TextBlock& block, std::string_view piece) = 0;
  virtual bool BlockEnds(const TextBlock& block) = 0;

  bool Open(TextBlock block);
  // The open one, if there is one.
  bool Close();

  bool stream() const { return stream_; }
  const std::vector<TextBlock>& blocks() const { return blocks_; }
  size_t num_blocks() const { return blocks_.size(); }
  // Whether the block at `index` is a call that broke off.
  bool IsBroken(size_t index) const;

 private:
  bool Append(TextBlock::Kind kind, std::string_view piece);

  const bool stream_;
  bool open_ = false;
  std::vector<TextBlock> blocks_;
  size_t num_whole_calls_ = 0;
};

}  // namespace bantam
