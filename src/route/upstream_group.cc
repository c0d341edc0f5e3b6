#include "route/upstream_group.h"

#include <algorithm>
#include <random>

#include "base/log.h"

namespace bantam {
namespace {

class UpstreamGroup final : public Upstream {
 public:
  explicit UpstreamGroup(std::vector<std::unique_ptr<Upstream>> members) : members_(std::move(members)) {
    for (const auto& member : members_) timeout_ = std::max(timeout_, member->config().timeout);
  }
  const UpstreamConfig& config() const override { return members_.front()->config(); }

  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) override {
    AssistantRequest limited = request;
    limited.deadline = std::min(request.deadline, MonotonicNow() + timeout_);
    UpstreamReply reply;
    int attempts = 0;
    for (Upstream* member : InTurn()) {
      if (attempts > 0) {
        if (MonotonicNow() >= limited.deadline) break;
        Log(LogLevel::kInfo, "upstream \"{}\": {}; asking \"{}\"", reply.label, reply.problem, member->config().label);
      }
      reply = member->Ask(limited, sink);
      attempts += std::max(1, reply.attempts);
      if (!MayAskAnother(reply)) break;
    }
    reply.attempts = attempts;
    return reply;
  }

 private:
  std::vector<Upstream*> InTurn() const {
    thread_local std::minstd_rand random(std::random_device{}());
    std::vector<Upstream*> members;
    for (const auto& member : members_) members.push_back(member.get());
    const auto order = [](const Upstream* member) { return member->config().order; };
    std::ranges::stable_sort(members, {}, order);
    for (auto next = members.begin(); next != members.end(); ++next) {
      std::vector<double> weights;
      for (auto it = next; it != members.end() && order(*it) == order(*next); ++it)
        weights.push_back((*it)->config().weight);
      std::iter_swap(next, next + std::discrete_distribution<>(weights.begin(), weights.end())(random));
    }
    return members;
  }

  const std::vector<std::unique_ptr<Upstream>> members_;
  std::chrono::milliseconds timeout_{};
};

}  // namespace

bool MayAskAnother(const UpstreamReply& reply) {
  if (reply.began || reply.text_was_sent) return false;
  switch (reply.outcome) {
    case UpstreamOutcome::kOk:
    case UpstreamOutcome::kCancelled:
      return false;
    case UpstreamOutcome::kRejected:
      return reply.http_status != 400 && reply.http_status != 413 && reply.http_status != 422;
    default:
      return true;
  }
}

std::unique_ptr<Upstream> MakeUpstreamGroup(std::vector<std::unique_ptr<Upstream>> members) {
  if (members.size() == 1) return std::move(members.front());
  return std::make_unique<UpstreamGroup>(std::move(members));
}

}  // namespace bantam
