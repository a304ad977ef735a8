//! The start: from whatever stands in the folder to a log that can be appended to, or to a refusal that says
//! what to do. It must never load past damage, never choose an unfinished file by itself, and never let the
//! first append stand behind something that is not durable.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::create::{create, make_folder};
use super::damage::{Corrupt, Torn, Verdict};
use super::file::errno;
use super::harden::{HardenError, harden};
use super::names::{self, CURRENT};
use super::replay::Replay;
use super::scan::{ReadError, scan};
use super::summary::Summary;
use super::window::CHUNK;
use super::write_all::write_all;
use crate::format::header::Identity;
use crate::io::{File, Fs};

/// What the start decides by.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Cut a torn tail off, after saving it; else refuse it.
    pub load_truncated: bool,
    /// Id of this server start, for a log that is made now.
    pub run: u64,
    /// Unix time in ms, likewise.
    pub wall_ms: u64,
}

/// A log that was loaded. Every record below `next_seq` is durable, and nothing stands at `end` or after it.
pub struct Recovered {
    /// The live file, for reading and writing.
    pub file: Box<dyn File>,
    /// Its path.
    pub path: PathBuf,
    /// Which log it is.
    pub identity: Identity,
    /// Where the next frame goes: the length of the file.
    pub end: u64,
    /// Seq of the next record.
    pub next_seq: u64,
    /// `next_seq - 1`.
    pub durable_seq: u64,
    /// End of the snapshot section: the size that growth is measured against.
    pub snapshot_end_offset: u64,
    /// Seq as of which the snapshot section rebuilds the state.
    pub base_seq: u64,
    /// Run of the last frame. The next frame must be a Run frame of the new one.
    pub run: u64,
    /// There was no room, or a file size limit, for writing the end of the file again: nothing may be appended to
    /// it before it has been made anew. The errno.
    pub stale: Option<i32>,
    /// What was found.
    pub report: LoadReport,
}

/// What a load found, for INFO and the server log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// Records loaded, of the snapshot and after it.
    pub records: u64,
    /// Groups after the snapshot.
    pub groups: u64,
    /// Bytes of the file that were used.
    pub bytes: u64,
    /// Bytes of a torn tail that were cut off.
    pub torn_bytes: u64,
    /// The last stop was clean.
    pub sealed: bool,
    /// Where the torn tail was saved.
    pub saved_to: Option<PathBuf>,
    /// There was no log: this one is new.
    pub created: bool,
    /// What was torn, in words.
    pub torn: Option<String>,
}

/// Why the start is refused. The live file still holds every whole group that it held before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The folder or a file could not be used.
    #[error("{}: {action}: {source}; run: mylog-check check {}", path.display(), path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the file system says.
        source: io::Error,
    },
    /// The live file could not be read.
    #[error("{}: {source}; run: mylog-check check {}", path.display(), path.display())]
    Read {
        /// The live file.
        path: PathBuf,
        /// Where and why.
        source: ReadError,
    },
    /// Files that only exist beside a live one, but no live one: somebody removed it.
    #[error(
        "{}: there is no such file, but {} stands beside where it was; put it back from a backup, or move the \
         folder away to begin without data; run: mylog-check check {}",
        path.display(), names.join(", "), path.display()
    )]
    MissingLive {
        /// The live file that should be there.
        path: PathBuf,
        /// What is there instead.
        names: Vec<String>,
    },
    /// Something that was durable is damaged.
    #[error("{}: {corrupt}; run: mylog-check check {}", path.display(), path.display())]
    Corrupt {
        /// The live file.
        path: PathBuf,
        /// Where and what.
        corrupt: Corrupt,
    },
    /// The tail is torn, and the configuration says not to cut it.
    #[error(
        "{}: {torn}; mylog.load-truncated is no, yes would cut it there; run: mylog-check check {}",
        path.display(), path.display()
    )]
    Torn {
        /// The live file.
        path: PathBuf,
        /// Where and what.
        torn: Torn,
    },
    /// The loaded file could not be made durable.
    #[error("{}: {source}; run: mylog-check check {}", path.display(), path.display())]
    Harden {
        /// The live file.
        path: PathBuf,
        /// Where and why.
        source: HardenError,
    },
}

/// Loads the log of `dir` into `replay`, or makes a new one if there never was one. The caller holds the
/// folder's lock.
pub fn recover<R>(fs: &dyn Fs, dir: &Path, start: Start, replay: &mut R) -> Result<Recovered, RecoverError>
where
    R: Replay + ?Sized,
{
    let path = dir.join(CURRENT);
    make_folder(fs, dir).map_err(failed(dir, "making the folder"))?;
    let names = fs.list(dir).map_err(failed(dir, "listing the folder"))?;
    let created = !names.iter().any(|name| name == CURRENT);
    if created {
        refuse_leftovers(&path, &names)?;
        create(fs, dir, start.run, start.wall_ms).map_err(failed(&path, "making a new log"))?;
    }
    let mut file = fs.open(&path).map_err(failed(&path, "opening"))?;
    let (summary, base_seq, torn) = load(file.as_ref(), &path, start, replay)?;
    let mut report = LoadReport {
        records: summary.snapshot_records + summary.records,
        groups: summary.groups,
        bytes: summary.end,
        torn_bytes: torn.as_ref().map_or(0, |torn| torn.bytes),
        sealed: summary.sealed,
        saved_to: None,
        created,
        torn: torn.as_ref().map(Torn::to_string),
    };
    // 1. Save, synced: cutting first would lose the tail if the server died in between.
    if torn.is_some() {
        report.saved_to = Some(save_tail(fs, dir, file.as_ref(), &summary)?);
    }
    // 2. Cut, write again, sync: before the first append, or an acknowledged frame could stand behind a hole.
    let stale = match harden(file.as_mut(), &summary) {
        Ok(()) => None,
        Err(HardenError::Write { source, .. }) if is_for_lack_of_room(&source) => {
            // Not tried further: the next file is made from memory.
            file.sync_data().map_err(failed(&path, "syncing"))?;
            Some(errno(&source))
        }
        Err(source) => return Err(RecoverError::Harden { path, source }),
    };
    // 3. The name, whoever gave it: the server may have died between a rename and the folder's sync, and a
    //    power cut would then bring back the file before it, without what was acknowledged since.
    fs.sync_dir(dir).map_err(failed(dir, "syncing the folder"))?;
    Ok(Recovered {
        file,
        path,
        identity: summary.identity,
        end: summary.end,
        next_seq: summary.next_seq,
        durable_seq: summary.next_seq - 1,
        snapshot_end_offset: summary.snapshot_end_offset,
        base_seq,
        run: summary.run,
        stale,
        report,
    })
}

/// A full disk, where a write in place takes room too; a quota; a file size limit.
fn is_for_lack_of_room(error: &io::Error) -> bool {
    [Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG]
        .map(|errno| Some(errno as i32))
        .contains(&error.raw_os_error())
}

/// Reads the file and applies the policy to the verdict. A torn tail is still there after it.
fn load<R>(
    file: &dyn File,
    path: &Path,
    start: Start,
    replay: &mut R,
) -> Result<(Summary, u64, Option<Torn>), RecoverError>
where
    R: Replay + ?Sized,
{
    let path = path.to_path_buf();
    let read = match scan(file, replay) {
        Ok(read) => read,
        Err(source) => return Err(RecoverError::Read { path, source }),
    };
    let torn = match read.verdict {
        Verdict::Eof { .. } => None,
        Verdict::Torn(torn) if start.load_truncated => Some(torn),
        Verdict::Torn(torn) => return Err(RecoverError::Torn { path, torn }),
        Verdict::Corrupt(corrupt) => return Err(RecoverError::Corrupt { path, corrupt }),
    };
    match read.summary {
        Some(
            summary @ Summary {
                snapshot_end: Some(end),
                ..
            },
        ) => Ok((summary, end.base_seq, torn)),
        // A verdict other than corrupt needs both; a scan that forgot is not to be trusted either.
        _ => Err(failed(&path, "loading")(io::ErrorKind::InvalidData.into())),
    }
}

/// What a sweep has done, for the server log.
#[derive(Debug, Default)]
pub struct Swept {
    /// The names that were removed.
    pub removed: Vec<OsString>,
    /// What could not be removed, and why: a folder of that name, say.
    pub left: Vec<(PathBuf, io::Error)>,
}

/// Removes what a rewrite or a first start left unfinished, once the log was loaded.
pub fn sweep(fs: &dyn Fs, dir: &Path) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for name in fs.list(dir)? {
        if names::is_leftover(&name) {
            let path = dir.join(&name);
            match fs.remove(&path) {
                Ok(()) => swept.removed.push(name),
                Err(error) => swept.left.push((path, error)),
            }
        }
    }
    Ok(swept)
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> RecoverError {
    let path = path.to_path_buf();
    move |source| RecoverError::Io { path, action, source }
}

/// Unfinished rewrites and saved tails imply a live file. Making a new one beside them would hide that it is
/// gone; a rewrite without its end is no log, and one with it may lack what was acknowledged since.
fn refuse_leftovers(path: &Path, names: &[OsString]) -> Result<(), RecoverError> {
    let implies_live = |name: &&OsString| names::is_rewrite(name) || names::is_torn(name);
    let names: Vec<String> = names
        .iter()
        .filter(implies_live)
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(RecoverError::MissingLive {
        path: path.to_path_buf(),
        names,
    })
}

/// Copies what is about to be cut off to a file of its own, and syncs it.
fn save_tail(fs: &dyn Fs, dir: &Path, file: &dyn File, summary: &Summary) -> Result<PathBuf, RecoverError> {
    let (path, mut copy) = new_tail_file(fs, dir, summary.end)?;
    let mut buf = vec![0; CHUNK];
    let mut at = summary.end;
    loop {
        let n = file
            .read_at(&mut buf, at)
            .map_err(failed(&dir.join(CURRENT), "reading the torn tail"))?;
        let Some(read) = buf.get(..n).filter(|read| !read.is_empty()) else {
            break;
        };
        write_all(copy.as_mut(), read, at - summary.end).map_err(failed(&path, "saving the torn tail"))?;
        at += n as u64;
    }
    copy.sync_data().map_err(failed(&path, "syncing the torn tail"))?;
    fs.sync_dir(dir)
        .map_err(failed(dir, "syncing the folder of the torn tail"))?;
    Ok(path)
}

/// An earlier start may have died after it saved the same tail, or half of it: that copy is left alone.
fn new_tail_file(fs: &dyn Fs, dir: &Path, offset: u64) -> Result<(PathBuf, Box<dyn File>), RecoverError> {
    let mut copy = 1;
    loop {
        let path = dir.join(names::torn(offset, copy));
        match fs.create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => copy += 1,
            Err(e) => return Err(failed(&path, "making a file for the torn tail")(e)),
        }
    }
}
