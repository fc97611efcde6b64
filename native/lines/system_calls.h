#pragma once

namespace sonde {

/// From here on this process may read and write what is open, and ask for memory that is no code; every other system
/// call fails with EPERM. False where the kernel has no such filter.
bool ForbidSystemCalls();

}  // namespace sonde
