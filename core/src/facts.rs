//! What an agent tells of its host. Shown to people, never trusted for rights.

use crate::said::Said;

/// What seldom changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// For example `Debian GNU/Linux 12`.
    pub os: Said,
    /// The kernel's release.
    pub kernel: Said,
    /// For example `x86_64`.
    pub arch: Said,
    /// The host's own idea of its name; only shown.
    pub hostname: Said,
    /// Logical CPUs.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// How executions are contained.
    pub containment: Said,
    /// The user that commands run as unless somebody asks for another.
    pub run_as: Said,
    /// When the host booted, milliseconds since the Unix epoch.
    pub boot_time_ms: u64,
    /// What the host's owner allows, by `host.toml`: `shell`, `actions` or `off`; empty without such a file.
    pub policy_mode: Said,
    /// SHA-256 of that file, in hex.
    pub policy_digest: Said,
    /// What each command may use as a whole, and by what; empty where nothing is limited.
    pub limits: Said,
}

/// What changes all the time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Load average over one minute.
    pub load1: f64,
    /// Memory in use, bytes.
    pub memory_used_bytes: u64,
    /// Seconds since the host booted.
    pub uptime_s: u64,
    /// File systems, at most 32.
    pub disks: Vec<Disk>,
}

/// One file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: Said,
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What an ordinary user may still write, bytes.
    pub available_bytes: u64,
}

impl Disk {
    /// How full it is for an ordinary user; 0 without a size.
    #[must_use]
    pub fn used_percent(&self) -> u64 {
        let used = self.total_bytes.saturating_sub(self.available_bytes);
        used.saturating_mul(100)
            .checked_div(self.total_bytes)
            .unwrap_or(0)
    }
}
