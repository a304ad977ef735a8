//! Samples for the latency monitor. The server would record every sample while the monitor is off: it
//! compares with a threshold of 0. So the threshold is tested here.

use std::ffi::CStr;

use super::server_settings;
use crate::api;

/// Records that an event took so long, if the monitor is on.
pub fn sample(event: &CStr, ms: i64) {
    let threshold = server_settings::latency_threshold_ms();
    if threshold > 0 && ms >= threshold {
        // SAFETY: the name is alive and copied.
        unsafe { api!(RedisModule_LatencyAddSample)(event.as_ptr(), ms) }
    }
}
