//! Replaces this program by another version of itself, which stays only when it proves that it works, and brings the one before back
//! otherwise.
//!
//! The controller only hands files out: which of them are a release is said by a key that it does not have. What is fetched is verified,
//! unpacked beside the versions that are there and tried; then whoever keeps the agent lets it take over ([`switch`]). At any moment one
//! whole version is the stable one, so that whatever is cut off, an agent works afterwards.

mod archive;
mod fetch;
pub(crate) mod home;
mod manifest;
pub(crate) mod record;
pub(crate) mod switch;
mod try_here;
pub(crate) mod units;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use shanty_certs::release::{self, Roots, RootsError};
use shanty_core::causes::chain;
use shanty_core::text::size;
use shanty_core::version::Version;

use crate::config::{DataDir, ProxyVariables};
use crate::failure::{Failure, exit};
use crate::link::dial::Way;

use fetch::Source;
use home::Home;
use manifest::{Archive, Asked};
use record::{Outcome, Records};
use switch::{Ending, Switch};

/// What a host's owner trusts, above what came with the program.
pub(crate) const OWNERS_ROOTS: &str = "/etc/shanty/release-roots";

/// Beside the program.
const ROOTS: &str = "release-roots";

const MANIFEST: &str = "manifest.json";

/// Left free on the disk, bytes: for what commands print meanwhile.
const RESERVE: u64 = 64 * 1024 * 1024;

/// A version needs so many times the size of its archive, that included.
const UNPACKED: u64 = 6;

/// What the command line says.
pub(crate) struct Options {
    pub(crate) to: Version,
    /// It may be an older one.
    pub(crate) older: bool,
    /// Also when it came back before.
    pub(crate) again: bool,
    /// Look only.
    pub(crate) check: bool,
    pub(crate) data_dir: DataDir,
    /// Where the executor keeps its things.
    pub(crate) work_dir: PathBuf,
    pub(crate) proxies: ProxyVariables,
    /// Which says where the host's own roots are.
    pub(crate) owners_roots: PathBuf,
    /// This program.
    pub(crate) program: PathBuf,
    /// Tells a program of ours where the files of this agent are.
    pub(crate) place: Vec<OsString>,
}

/// Says something to whoever asked.
type Say<'a> = &'a mut (dyn FnMut(&str) + Send);

/// Updates.
pub(crate) async fn update(options: &Options, say: Say<'_>) -> Result<(), Failure> {
    let home = Home::of_program(&options.program).ok_or_else(|| {
        let text = format!(
            "{} does not lie in a folder of versions: it was not installed by the line of `/host add` or a package, and is replaced by hand",
            options.program.display()
        );
        Failure::new("E_HOME", exit::CONFIG, text)
    })?;
    let from = home.stable().ok_or_else(|| {
        let text = format!("{}/stable points at no version", home.path().display());
        Failure::new("E_HOME", exit::CONFIG, text)
    })?;
    let to = &options.to;
    if *to == from {
        say(&format!("{to} is in use already."));
        return Ok(());
    }
    let _lock = home.lock().map_err(|error| perm(&error))?.ok_or_else(|| {
        let text = "another update of this host is under way; wait for its end";
        Failure::new("E_BUSY", exit::TRY_AGAIN, text)
    })?;
    let records = Records::of(&options.work_dir);
    let against = records.last().and_then(|last| last.against(to));
    if let Some(why) = against.filter(|_| !options.again && !options.check) {
        let text = format!("{why}. When that is mended: shanty-agent update --to {to} --again");
        return Err(Failure::new("E_CAME_BACK", exit::REFUSED, text));
    }
    say(&format!("Update from {from} to {to}."));
    let source = source(options)?;
    let archive = offered(options, &source, &from, say).await?;
    if options.check {
        say(&format!(
            "{to} can be taken: {}, {}.",
            archive.name,
            size(archive.size)
        ));
        return Ok(());
    }
    let keeper = switch::keeper(&home).await;
    let keeper = keeper.map_err(|text| Failure::new("E_KEEPER", exit::CONFIG, text))?;
    let unpacked = put(options, &home, &source, &archive, say).await;
    if unpacked.is_err() {
        home.sweep().ok(); // The next start removes it.
    }
    unpacked?;
    say(&format!(
        "Trying {to} in place of {from}, for {} s at most. Commands that run go on.",
        switch::WITHIN.as_secs()
    ));
    let switch = Switch {
        home: &home,
        records: &records,
        from: &from,
        to,
    };
    let ending = switch.run(keeper).await;
    let ending = ending.map_err(|text| Failure::new("E_UPDATE", exit::FAILED, text))?;
    match ending {
        Ending::InUse => {
            if let Err(error) = home.tidy(&[to, &from]) {
                say(&format!(
                    "Older versions are still there: {}.",
                    chain(&error)
                ));
            }
            say(&format!("{to} is in use."));
            Ok(())
        }
        Ending::CameBack(why) => {
            let text = format!("{to} {why}: {from} is back");
            Err(Failure::new("E_CAME_BACK", exit::FAILED, text))
        }
    }
}

fn perm(error: &dyn std::error::Error) -> Failure {
    Failure::new("E_PERM", exit::CONFIG, chain(error))
}

fn source(options: &Options) -> Result<Source, Failure> {
    let (identity, config) = options.data_dir.load().map_err(|e| Failure::config(&e))?;
    let address = config.join.clone().ok_or_else(|| {
        let file = options.data_dir.config();
        let text = format!(
            "{} does not say where the controller hands out agents: write `join = \"HOST:PORT\"` with its join listener there",
            file.display()
        );
        Failure::new("E_CONFIG", exit::CONFIG, text)
    })?;
    let proxy = config.proxy.proxy_to(&address, &options.proxies);
    let proxy = proxy.map_err(|e| Failure::new("E_PROXY", exit::CONFIG, e.to_string()))?;
    Ok(Source {
        way: Way { address, proxy },
        pin: identity.pin(),
    })
}

/// The roots that count here.
fn roots(options: &Options) -> Result<Roots, Failure> {
    let config = |error: &RootsError| Failure::new("E_ROOTS", exit::CONFIG, chain(error));
    let beside = options.program.with_file_name(ROOTS);
    for path in [&options.owners_roots, &beside] {
        match Roots::read(path) {
            Ok(roots) => return Ok(roots),
            Err(RootsError::File(error)) if error.is_missing() => {}
            Err(error) => return Err(config(&error)),
        }
    }
    let text = format!(
        "this host knows no root of releases, so that nobody can say whether what is offered is one: put the line of the root into {}, \
         or install a release that brings its own",
        options.owners_roots.display()
    );
    Err(Failure::new("E_ROOTS", exit::CONFIG, text))
}

/// What is offered, when it is a release and may be taken.
async fn offered(
    options: &Options,
    source: &Source,
    from: &Version,
    say: Say<'_>,
) -> Result<Archive, Failure> {
    let roots = roots(options)?;
    let unreached = |text: String| Failure::new("E_UNREACHABLE", exit::TRY_AGAIN, text);
    let (mut manifest, mut signature) = (Vec::new(), Vec::new());
    let max = u64::try_from(manifest::BYTES_MAX).unwrap_or(u64::MAX);
    source
        .get(MANIFEST, max, &mut manifest, say)
        .await
        .map_err(unreached)?;
    let max = u64::try_from(release::SIGNATURE_BYTES_MAX).unwrap_or(u64::MAX);
    let got = source
        .get(&format!("{MANIFEST}.sig"), max, &mut signature, say)
        .await;
    got.map_err(|text| {
        unreached(format!(
            "what is offered is not signed, or its signature cannot be had: {text}"
        ))
    })?;
    let now = crate::clock::wall_ms() / 1_000;
    let signer = roots
        .verify(release::AGENTS, &manifest, &signature, now)
        .map_err(|error| {
            let text = format!("what the controller offers is not taken for a release: {error}");
            Failure::new("E_SIGNATURE", exit::REFUSED, text)
        })?;
    let glibc = glibc();
    let asked = Asked {
        to: &options.to,
        from,
        older: options.older,
        arch: std::env::consts::ARCH,
        glibc: glibc.as_deref(),
        now,
    };
    let archive = manifest::offered(&manifest, &asked)
        .map_err(|error| Failure::new("E_OFFER", exit::REFUSED, error.to_string()))?;
    say(&format!(
        "It is signed with the release key {}.",
        signer.key
    ));
    Ok(archive)
}

/// Of the C library here; nothing where nobody says it.
fn glibc() -> Option<String> {
    let output = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("glibc ")?.to_owned())
}

/// Fetches, checks and unpacks a version, tries it, and gives it its place.
async fn put(
    options: &Options,
    home: &Home,
    source: &Source,
    archive: &Archive,
    say: Say<'_>,
) -> Result<(), Failure> {
    let failed = |text: String| Failure::new("E_UPDATE", exit::FAILED, text);
    home.sweep().map_err(|error| perm(&error))?;
    let room = home.room().map_err(|error| perm(&error))?;
    let needed = archive
        .size
        .saturating_mul(UNPACKED)
        .saturating_add(RESERVE);
    if room < needed {
        let text = format!(
            "{} are free in {}, and {} are needed; nothing was changed",
            size(room),
            home.path().display(),
            size(needed)
        );
        return Err(Failure::new("E_ROOM", exit::FAILED, text));
    }
    let to = &options.to;
    let staging = home.staging(to);
    let file = staging.with_extension("tar.gz");
    let mut content = fetched(&file, source, archive, say).await?;
    say(&format!(
        "Fetched {}, {}.",
        archive.name,
        size(archive.size)
    ));
    content
        .seek(SeekFrom::Start(0))
        .map_err(|error| failed(error.to_string()))?;
    let unzipped = GzDecoder::new(BufReader::new(content));
    archive::unpack(unzipped, &staging, room.saturating_sub(RESERVE)).map_err(|error| {
        failed(format!(
            "{} cannot be unpacked: {}",
            archive.name,
            chain(&error)
        ))
    })?;
    fs::remove_file(&file).ok(); // It is swept away later.
    let tried = try_here::try_here(&staging.join(home::PROGRAM), to, &options.place).await;
    tried.map_err(|text| failed(format!("{to} is not taken: {text}; nothing was changed")))?;
    home.publish(to).map_err(|error| failed(chain(&error)))?;
    say("Unpacked, and tried on this host.");
    Ok(())
}

/// The archive in a file, whole and the one that the manifest means.
async fn fetched(
    path: &Path,
    source: &Source,
    archive: &Archive,
    say: Say<'_>,
) -> Result<File, Failure> {
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path);
    let file = file.map_err(|error| {
        let text = format!("{} cannot be written: {error}", path.display());
        Failure::new("E_PERM", exit::CONFIG, text)
    })?;
    let mut to = Digesting {
        file,
        digest: Sha256::new(),
    };
    let got = source.get(&archive.name, archive.size, &mut to, say).await;
    let came = got.map_err(|text| Failure::new("E_UNREACHABLE", exit::TRY_AGAIN, text))?;
    if came != archive.size || to.digest.finalize().as_slice() != archive.sha256 {
        let text = format!(
            "{} is not the file that its manifest means; nothing was changed",
            archive.name
        );
        return Err(Failure::new("E_DIGEST", exit::REFUSED, text));
    }
    Ok(to.file)
}

/// A file, and the digest of what was written to it.
struct Digesting {
    file: File,
    digest: Sha256,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where this program lies and what its last update was, when it is one of several versions.
pub(crate) struct Own {
    home: Home,
    records: Records,
    version: Version,
}

impl Own {
    /// Of the program that runs, whose executor keeps its things there.
    pub(crate) fn of(program: &Path, work_dir: &Path) -> Option<Self> {
        let home = Home::of_program(program)?;
        let version = program.parent()?.file_name()?.to_str()?.parse().ok()?;
        Some(Self {
            home,
            records: Records::of(work_dir),
            version,
        })
    }

    /// At the start of what is stable: ends what was cut off, unless somebody is at it.
    pub(crate) fn settle(&self) {
        let Ok(Some(_lock)) = self.home.lock() else {
            return;
        };
        self.home.sweep().ok(); // It only takes room.
        self.home.end_trial().ok(); // Nothing starts it.
        let Some(last) = self
            .records
            .last()
            .filter(|last| last.outcome == Outcome::Trying)
        else {
            return;
        };
        let record = match last.version == self.version.as_str() {
            true => last.in_use(),
            false => last.came_back("was cut off before it had connected"),
        };
        tracing::info!("The last update: {}.", record.said());
        self.records.write(&record).ok(); // It only takes longer to be told.
    }

    /// The controller took the link of this version, which is being tried: from now on it is the stable one.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn commit(&self) -> Result<(), String> {
        if self.home.experiment().as_ref() != Some(&self.version) {
            return Err(format!("{} is not what is being tried", self.version));
        }
        self.home
            .commit(&self.version)
            .map_err(|error| chain(&error))?;
        if let Some(last) = self.records.last() {
            self.records.write(&last.in_use()).ok(); // Who waits for it writes it too.
        }
        Ok(())
    }

    /// The folder of this version.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.folder(&self.version)
    }
}
