//! Where the live log stands, as its writer looks at it once a second: whether the live name still leads to
//! the writer's file, whether the folder is still locked by this server, and whether it takes a new file. It
//! decides what may be healed by itself: a file that may come back is waited for, since it would come back
//! over the one that took its place, with an older state.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::create::make_folder;
use super::file::{LogFile, errno};
use super::lock::{Claim, LockError};
use super::names;
use crate::io::Fs;

/// What the live name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The writer's file.
    Ours,
    /// Nothing, or another file, and the writer's has no way back: only a new file helps.
    Lost(i32, String),
    /// Not the writer's file, which stands somewhere else, or can't be looked at: it may come back.
    Away(i32, String),
}

/// The live name, and the folder it stands in.
pub struct Home {
    fs: Arc<dyn Fs>,
    live: PathBuf,
    /// Device of the folder as it was at the start; `None` if that can't be told.
    device: Option<u64>,
    claim: Option<Arc<Claim>>,
    /// Another server had the folder with the file in it: what it did to the file nobody knows.
    taken: bool,
}

impl Home {
    /// The live name `live`, in a folder that `claim` has locked.
    pub fn new(fs: Arc<dyn Fs>, live: PathBuf, claim: Option<Arc<Claim>>) -> Self {
        let device = fs.file_id(folder_of(&live)).ok().map(|id| id.dev);
        Self {
            fs,
            live,
            device,
            claim,
            taken: false,
        }
    }

    /// The live name.
    pub fn live(&self) -> &Path {
        &self.live
    }

    /// Looks whether the live name leads to `file`.
    pub(crate) fn look(&mut self, file: &LogFile) -> Place {
        match self.fs.file_id(&self.live) {
            Ok(id) if id == file.id() => match self.keep_lock() {
                Err(held @ LockError::Held { .. }) => {
                    self.taken = true;
                    Place::Away(0, held.to_string())
                }
                Ok(()) | Err(_) if self.taken => Place::Away(0, "another server had it meanwhile".to_owned()),
                // A lock file that is gone and can't be made again endangers nothing as yet.
                Ok(()) | Err(_) => Place::Ours,
            },
            Ok(_) if self.is_elsewhere() => Place::Away(0, "its folder is on another device now".to_owned()),
            Ok(_) => Place::Lost(0, "is another file now".to_owned()),
            Err(error) if is_missing(&error) && !file.may_have_name() => {
                Place::Lost(errno(&error), "was removed".to_owned())
            }
            Err(error) if is_missing(&error) => Place::Away(errno(&error), "was moved away".to_owned()),
            Err(error) => Place::Away(errno(&error), error.to_string()),
        }
    }

    /// There is a new file, which nobody else had.
    pub(crate) fn renewed(&mut self) {
        self.taken = false;
    }

    /// Bytes free below the folder; `u64::MAX` if that can't be told.
    pub(crate) fn free_bytes(&self) -> u64 {
        // Unknown, the room is found out by trying.
        self.fs.free_bytes(folder_of(&self.live)).unwrap_or(u64::MAX)
    }

    /// Makes sure that a new file can be made: that the folder is there, that it is ours, that it takes writes.
    pub(crate) fn make_ready(&self) -> Result<(), String> {
        let folder = folder_of(&self.live);
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        make_folder(self.fs.as_ref(), folder).map_err(failed)?;
        self.keep_lock().map_err(|error| error.to_string())?;
        let mut why = None;
        for name in names::PROBES {
            match self.fs.probe(&folder.join(name)) {
                Ok(()) => return Ok(()),
                Err(error) if is_in_the_way(&error) => {
                    let path = folder.join(name);
                    let text = format!("{}: {error}; remove what has this name", path.display());
                    why.get_or_insert(text);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        why.map_or(Ok(()), Err)
    }

    fn keep_lock(&self) -> Result<(), LockError> {
        self.claim.as_ref().map_or(Ok(()), |claim| claim.keep())
    }

    /// True where the folder is not on the device that it was on: something was mounted or unmounted.
    fn is_elsewhere(&self) -> bool {
        let now = self.fs.file_id(folder_of(&self.live)).ok().map(|id| id.dev);
        now != self.device
    }
}

fn folder_of(live: &Path) -> &Path {
    live.parent().unwrap_or(Path::new("/"))
}

/// True where something has a name that can't be removed as a file can: a folder.
fn is_in_the_way(error: &io::Error) -> bool {
    [Errno::EISDIR, Errno::EPERM, Errno::EEXIST]
        .map(|errno| Some(errno as i32))
        .contains(&error.raw_os_error())
}

fn is_missing(error: &io::Error) -> bool {
    [Errno::ENOENT, Errno::ENOTDIR]
        .map(|errno| Some(errno as i32))
        .contains(&error.raw_os_error())
}
