//! What an agent that was killed left running: shims, which outlive their agent on purpose, and end with the demo.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a shim may take to stop its command before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Stops every shim of this demo, and waits until none is left.
pub(super) async fn end_shims(dir: &Path) {
    signal_all(dir, Signal::SIGTERM);
    let gone = async {
        while !shims(dir).is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(STOP_WITHIN, gone).await.is_err() {
        signal_all(dir, Signal::SIGKILL);
    }
}

fn signal_all(dir: &Path, signal: Signal) {
    for pid in shims(dir) {
        kill(pid, signal).ok(); // it ended meanwhile
    }
}

/// Shims carry the folder of their execution in their arguments.
fn shims(dir: &Path) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pid_of_shim = |process: std::fs::DirEntry| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let arguments = std::fs::read(process.path().join("cmdline")).ok()?;
        is_shim(&arguments, dir).then(|| Pid::from_raw(pid))
    };
    processes.flatten().filter_map(pid_of_shim).collect()
}

fn is_shim(arguments: &[u8], dir: &Path) -> bool {
    let text = String::from_utf8_lossy(arguments);
    let mut words = text.split('\0').skip(1);
    words.next() == Some("__shim") && words.any(|word| Path::new(word).starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shims_are_those_of_this_demo() {
        let of = |text: &str| is_shim(text.as_bytes(), Path::new("/tmp/demo-1"));
        assert!(of("shanty\0__shim\0/tmp/demo-1/web-01/executions/7\0"));
        assert!(!of("shanty\0__shim\0/tmp/demo-10/web-01/executions/7\0"));
        assert!(!of("vi\0/tmp/demo-1/web-01.log\0"));
        assert!(!of(""));
    }
}
