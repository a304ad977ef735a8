//! The first file of a log: a header and an empty snapshot. It gets the live name only when it is whole and
//! synced, so a live file with a torn header was never made by us and is refused.

use std::io;
use std::path::Path;

use super::names::{CURRENT, CURRENT_NEW};
use super::write_all::write_all;
use crate::format::frame::{FrameHeader, Kind};
use crate::format::header::{self, HEADER_BYTES, Identity};
use crate::format::snapshot_end::{SNAPSHOT_END_BYTES, SnapshotEnd};
use crate::io::Fs;

/// Makes the folder if it is missing, and makes its name durable. Says whether it was missing.
pub fn make_folder(fs: &dyn Fs, dir: &Path) -> io::Result<bool> {
    let made = fs.create_dir(dir)?;
    if made {
        fs.sync_dir(parent(dir))?;
    }
    Ok(made)
}

/// Makes a new log without keys under the live name, which nothing has yet. Its lineage is new.
pub fn create(fs: &dyn Fs, dir: &Path, run: u64, wall_ms: u64) -> io::Result<()> {
    let temp = dir.join(CURRENT_NEW);
    match fs.remove(&temp) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let bytes = empty_log(&new_lineage()?, run, wall_ms);
    let mut file = fs.create_new(&temp)?;
    write_all(file.as_mut(), &bytes, 0)?;
    // 1. The folder's own name: a first start may have died between making it and syncing it. Before the live
    //    name, so that a live file implies a durable folder, and no later start has to ask.
    match fs.sync_dir(parent(dir)) {
        // A folder that was made for us, in one that we may not read.
        Err(e) if e.kind() != io::ErrorKind::PermissionDenied => return Err(e),
        _ => {}
    }
    // 2. Contents before the name: else a power cut could leave an empty file under the live name.
    file.sync_data()?;
    // 3. The live name. The start makes it durable before the first append, as it does for every file.
    fs.rename(&temp, &dir.join(CURRENT))
}

/// The bytes of a log without keys.
pub fn empty_log(identity: &Identity, run: u64, wall_ms: u64) -> Vec<u8> {
    let totals = SnapshotEnd {
        base_seq: 0,
        records: 0,
        keys: 0,
        bytes: HEADER_BYTES as u64,
        crc_of_crcs: 0,
    }
    .encode();
    let frame = FrameHeader {
        kind: Kind::SnapshotEnd,
        continues: false,
        part: 0,
        payload_len: SNAPSHOT_END_BYTES as u32,
        record_count: 0,
        seq: 0,
        durable_seq: 0,
        wall_ms,
        run,
        payload_crc: crc32c::crc32c(&totals),
    };
    let mut bytes = header::encode(identity).to_vec();
    bytes.extend_from_slice(&frame.encode(identity.seed()));
    // 40 bytes: no padding.
    bytes.extend_from_slice(&totals);
    bytes
}

fn new_lineage() -> io::Result<Identity> {
    let mut uuid = [0u8; 16];
    let failed = |e: getrandom::Error| io::Error::other(e.to_string());
    getrandom::fill(&mut uuid).map_err(failed)?;
    let salt = getrandom::u32().map_err(failed)?;
    Ok(Identity { uuid, epoch: 1, salt })
}

fn parent(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        // A relative name of one part. The root is its own parent.
        Some(_) => Path::new("."),
        None => dir,
    }
}
