#include "route/logged_heads.h"

#include "route/learning/generations.h"
#include "route/router_parts.h"

namespace bantam {

LoggedHeads::LoggedHeads(Router& in_force, Path state_folder, RouterOptions options)
    : in_force_(in_force), state_folder_(std::move(state_folder)), options_(std::move(options)) {
  by_head_[in_force.parts().intents->identity()] = &in_force;
}

Status LoggedHeads::FindKept() {
  if (to_load_) return Ok();
  to_load_.emplace();
  if (!in_force_.file().learning) return Ok();
  BANTAM_TRY(const Generations generations, ReadGenerations(state_folder_));
  const std::vector<int64_t> kept = generations.Kept();
  to_load_->assign(kept.rbegin(), kept.rend());
  std::erase(*to_load_, in_force_.file().generation);
  return Ok();
}

Result<Router*> LoggedHeads::Find(const std::string& head_sha256) {
  BANTAM_RETURN_IF_ERROR(FindKept());
  for (;;) {
    if (const auto found = by_head_.find(head_sha256); found != by_head_.end()) return found->second;
    if (to_load_->empty()) return nullptr;
    options_.generation = to_load_->back();
    to_load_->pop_back();
    BANTAM_TRY(std::unique_ptr<Router> router, Router::Create(in_force_.file(), options_));
    by_head_.emplace(router->parts().intents->identity(), router.get());
    loaded_.push_back(std::move(router));
  }
}

}  // namespace bantam
