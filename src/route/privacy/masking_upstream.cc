#include "route/privacy/masking_upstream.h"

namespace bantam {
namespace {

class MaskingUpstream final : public Upstream {
 public:
  MaskingUpstream(std::unique_ptr<Upstream> upstream, PiiRule rule)
      : upstream_(std::move(upstream)), rule_(std::move(rule)) {}
  const UpstreamConfig& config() const override { return upstream_->config(); }

  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) override {
    PiiMask mask(rule_);
    AssistantRequest masked = request;
    for (const ChatMessage& message : request.messages) mask.Reserve(message.content);
    for (ChatMessage& message : masked.messages) message.content = mask.Mask(message.content);
    for (auto& [name, value] : masked.upstream_parameters) mask.Mask(value);
    if (!mask.status()) return NotSent(mask.status().error());
    if (!sink) return Restored(upstream_->Ask(masked, sink), mask);
    PiiRestorer restorer(mask, sink);
    UpstreamReply reply = upstream_->Ask(masked, [&](std::string_view piece) { restorer.Feed(piece); });
    restorer.Finish();
    return Restored(std::move(reply), mask);
  }

 private:
  // What cannot be masked does not leave.
  UpstreamReply NotSent(const Error& why) const {
    UpstreamReply reply;
    reply.outcome = UpstreamOutcome::kRejected;
    reply.problem = fmt::format("\"{}\" was not asked: names could not be masked ({})", config().name, why.message);
    reply.label = config().label;
    return reply;
  }

  // `problem` stays masked: it goes into logs.
  static UpstreamReply Restored(UpstreamReply reply, const PiiMask& mask) {
    reply.text = mask.Restore(reply.text);
    return reply;
  }

  const std::unique_ptr<Upstream> upstream_;
  const PiiRule rule_;
};

}  // namespace

std::unique_ptr<Upstream> MaskBefore(std::unique_ptr<Upstream> upstream, const PiiRule& rule) {
  return std::make_unique<MaskingUpstream>(std::move(upstream), rule);
}

}  // namespace bantam
