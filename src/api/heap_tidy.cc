#include "api/heap_tidy.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace bantam {

void TrimAllocator() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace bantam
