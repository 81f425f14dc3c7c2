//! A fifo that commands read, so that a test and no clock decides when they go on.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;

/// Holds commands until the test lets them go on.
#[derive(Debug)]
pub struct Gate {
    path: PathBuf,
    /// Open for reading too, so that neither side waits for the other to open it.
    file: File,
}

impl Gate {
    /// A closed gate with this name in a directory.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        let path = dir.join(name);
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a fifo can be made");
        let file = OpenOptions::new().read(true).write(true).open(&path);
        Self {
            path,
            file: file.expect("the fifo can be opened"),
        }
    }

    /// Shell text that opens the gate as descriptor 3. A command that has done so ends to wait when the gate is gone.
    #[must_use]
    pub fn open_in_shell(&self) -> String {
        format!("exec 3< {}", self.path.display())
    }

    /// Hands a line to one of the commands that read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn say(&mut self, line: &str) {
        writeln!(self.file, "{line}").expect("the fifo takes a line");
    }
}
