// One file from a server that may be slow, cut off, redirect, change its mind or lie, into a partial file that survives
// all that. Connections that break are made again with growing pauses and go on by Range; the address is asked anew
// each time, so that a signed one that expired is no obstacle. Succeeds only with the size and the digest that were
// announced.
#pragma once

#include <stop_token>

#include "store/partial_file.h"

namespace bantam {

struct DownloadOptions {
  int max_retries = 5;                         // in a row, without a byte between them
  std::chrono::milliseconds first_pause{500};  // doubles each time, up to 16 s
  std::function<void(uint64_t done)> on_progress = {};
  // Before each pause.
  std::function<void(const Error& why, std::chrono::milliseconds pause)> on_retry = {};
  std::stop_token stop = {};
};

// The file's sha256. What fails leaves `partial` to go on with, but where its digest is wrong.
Result<std::string> Download(HttpClient& client, const RemoteFile& file, const Path& partial,
                             const DownloadOptions& options);

// Waits; kCancelled when `stop` is requested before. For those who ask again after a pause.
Status PauseUnlessStopped(std::chrono::milliseconds time, const std::stop_token& stop);

// Whether it is worth asking again: broken connections, time-outs, servers that are busy.
bool IsPassing(const Error& error);
bool IsPassingStatus(int status);
// What a server asks for with Retry-After in seconds; 0 when it does not.
std::chrono::milliseconds RetryAfter(const IncomingResponse& response);

}  // namespace bantam
