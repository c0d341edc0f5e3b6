#include "files/allocation_meter.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace bantam::testing {
namespace {
thread_local bool measuring = false;
thread_local long long live_bytes = 0;
thread_local long long peak_bytes = 0;
}  // namespace

AllocationMeter::AllocationMeter() {
  live_bytes = peak_bytes = 0;
  measuring = true;
}
AllocationMeter::~AllocationMeter() { measuring = false; }
size_t AllocationMeter::PeakBytes() { return static_cast<size_t>(peak_bytes); }

}  // namespace bantam::testing

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(size_t size) {
  using namespace bantam::testing;
  void* data = std::malloc(std::max<size_t>(size, 1));
  if (data == nullptr) throw std::bad_alloc();
  if (measuring) peak_bytes = std::max(peak_bytes, live_bytes += static_cast<long long>(malloc_usable_size(data)));
  return data;
}
void operator delete(void* data) noexcept {
  using namespace bantam::testing;
  if (measuring && data != nullptr) live_bytes -= static_cast<long long>(malloc_usable_size(data));
  std::free(data);
}
void operator delete(void* data, size_t) noexcept { operator delete(data); }

#endif
