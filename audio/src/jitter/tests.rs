//! The jitter buffer on emulated networks, in simulated time.
