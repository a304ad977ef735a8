//! The start-up cases, one test a row of the table in docs/FORMAT.md.

use std::path::{Path, PathBuf};

use mylog_core::io::Fs;
use mylog_core::io::os::OsFs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::names;
use mylog_core::log::recover::{RecoverError, Recovered, Start, recover, sweep};

use super::image::{BASE_SEQ, Collect, Image, first_frames, rich};

pub const START: Start = Start {
    load_truncated: true,
    run: 77,
    wall_ms: 5,
};

pub fn dir() -> &'static Path {
    Path::new("/data/log")
}

pub fn current() -> PathBuf {
    dir().join(names::CURRENT)
}

pub fn with_current(bytes: &[u8]) -> SimFs {
    let fs = SimFs::new();
    fs.put(&current(), bytes);
    fs
}

pub fn start(fs: &dyn Fs) -> Result<(Recovered, Collect), RecoverError> {
    let mut seen = Collect::default();
    recover(fs, dir(), START, &mut seen).map(|recovered| (recovered, seen))
}

fn names_in(fs: &SimFs) -> Vec<String> {
    fs.list(dir())
        .unwrap()
        .into_iter()
        .map(|name| name.into_string().unwrap())
        .collect()
}

fn refusal(fs: &SimFs) -> RecoverError {
    let before = fs.contents(&current());
    let names = names_in(fs);
    let error = start(fs).map(|_| ()).unwrap_err();
    assert_eq!(
        (fs.contents(&current()), names_in(fs)),
        (before, names),
        "a refusal changed the folder"
    );
    let text = error.to_string();
    assert!(text.starts_with("/data/log/current.mylog: "), "{text}");
    assert!(
        text.ends_with("run: mylog-check check /data/log/current.mylog"),
        "{text}"
    );
    error
}

#[test]
fn nothing_at_all_makes_the_folder_and_a_new_log() {
    let fs = SimFs::new();
    fs.create_dir(Path::new("/data")).unwrap();
    fs.settle();
    let (recovered, seen) = start(&fs).unwrap();
    assert!(recovered.report.created);
    assert_eq!(
        (recovered.next_seq, recovered.durable_seq, recovered.base_seq),
        (1, 0, 0)
    );
    assert_eq!(recovered.identity.epoch, 1);
    assert_eq!((recovered.end, recovered.snapshot_end_offset), (160, 160));
    assert_eq!((seen.groups.len(), seen.snapshot_end.unwrap().keys), (0, 0));
    assert_eq!(names_in(&fs), [names::CURRENT]);
    // It is durable, and is the same log at the next start.
    for image in fs.crash_images_from(fs.op_count()) {
        let (again, _) = start(&image.fs).unwrap();
        assert_eq!(again.identity, recovered.identity);
        assert!(!again.report.created);
    }
}

#[test]
fn two_new_logs_are_of_two_lineages() {
    let [a, b] = [0; 2].map(|_| {
        let fs = SimFs::new();
        fs.create_dir(Path::new("/data")).unwrap();
        start(&fs).unwrap().0.identity
    });
    assert_ne!(a.uuid, b.uuid);
    assert_ne!(a.seed(), b.seed());
}

#[test]
fn a_first_start_that_died_is_begun_again() {
    let fs = SimFs::new();
    fs.put(&dir().join(names::CURRENT_NEW), b"half a hea");
    let (recovered, _) = start(&fs).unwrap();
    assert!(recovered.report.created);
    assert_eq!(names_in(&fs), [names::CURRENT]);
}

#[test]
fn a_sound_log_loads() {
    let image = rich();
    let fs = with_current(&image.bytes);
    let (recovered, seen) = start(&fs).unwrap();
    assert_eq!(seen.groups, image.groups);
    assert_eq!(recovered.end, image.len());
    assert_eq!(
        (recovered.next_seq, recovered.durable_seq),
        (image.next_seq, image.next_seq - 1)
    );
    assert_eq!((recovered.base_seq, recovered.run), (BASE_SEQ, 3));
    let report = recovered.report;
    assert_eq!(
        (report.records, report.groups, report.bytes),
        (19, 7, image.len())
    );
    assert_eq!(
        (report.torn_bytes, report.sealed, report.saved_to, report.created),
        (0, false, None, false)
    );
    assert_eq!(fs.contents(&current()).unwrap(), image.bytes);
}

#[test]
fn a_sound_log_beside_an_unfinished_rewrite_loads_and_the_rewrite_is_swept() {
    let fs = with_current(&rich().bytes);
    fs.put(&dir().join(names::rewrite(8)), b"unfinished");
    fs.put(&dir().join(names::CURRENT_NEW), b"");
    fs.put(&dir().join("rewritten-by-hand.mylog"), b"mine");
    let (_, seen) = start(&fs).unwrap();
    assert_eq!(seen.groups.len(), 7);
    assert_eq!(names_in(&fs).len(), 4, "a start removes nothing itself");
    assert_eq!(
        sweep(&fs, dir()).unwrap().removed,
        [names::CURRENT_NEW, "rewrite-8.mylog"]
    );
    assert_eq!(names_in(&fs), [names::CURRENT, "rewritten-by-hand.mylog"]);
}

#[test]
fn an_unfinished_rewrite_without_a_log_is_refused() {
    let fs = SimFs::new();
    fs.put(&dir().join(names::rewrite(8)), &rich().bytes);
    let error = refusal(&fs);
    assert!(matches!(&error, RecoverError::MissingLive { names, .. } if names == &["rewrite-8.mylog"]));
}

#[test]
fn a_saved_tail_without_a_log_is_refused() {
    let fs = SimFs::new();
    fs.put(&dir().join(names::torn(160, 1)), b"tail");
    assert!(matches!(refusal(&fs), RecoverError::MissingLive { .. }));
}

#[test]
fn an_empty_or_short_file_or_one_that_is_no_log_is_refused() {
    for bytes in [
        &b""[..],
        &rich().bytes[..40],
        b"REDIS0011 and so on, in sixty-four bytes or a good deal more of them",
    ] {
        assert!(matches!(
            refusal(&with_current(bytes)),
            RecoverError::Corrupt { .. }
        ));
    }
}

#[test]
fn a_later_format_is_refused_with_both_versions() {
    let mut bytes = rich().bytes;
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    let text = refusal(&with_current(&bytes)).to_string();
    assert!(text.contains("format 2") && text.contains("format 1"), "{text}");
}

#[test]
fn a_torn_tail_is_saved_and_cut_and_the_rest_loads() {
    let image = rich();
    for cut in image.snapshot_end..image.len() {
        let boundary = image.boundary_before(cut);
        let fs = with_current(&image.bytes[..cut as usize]);
        let (recovered, seen) = start(&fs).unwrap();
        assert_eq!(seen.groups, image.groups_before(cut), "cut {cut}");
        assert_eq!(recovered.end, boundary, "cut {cut}");
        assert_eq!(
            fs.contents(&current()).unwrap(),
            image.bytes[..boundary as usize],
            "cut {cut}"
        );
        assert_eq!(recovered.report.torn_bytes, cut - boundary);
        if boundary < cut {
            let saved = recovered.report.saved_to.unwrap();
            assert_eq!(saved, dir().join(format!("current.mylog.torn-{boundary}")));
            assert_eq!(
                fs.contents(&saved).unwrap(),
                image.bytes[boundary as usize..cut as usize]
            );
            assert!(
                recovered
                    .report
                    .torn
                    .unwrap()
                    .starts_with(&format!("torn at {boundary}: "))
            );
        }
    }
}

#[test]
fn a_tail_torn_twice_at_one_place_is_saved_twice() {
    let image = rich();
    let cut = &image.bytes[..image.len() as usize - 1];
    let fs = with_current(cut);
    let first = start(&fs).unwrap().0.report.saved_to.unwrap();
    fs.put(&current(), cut);
    let second = start(&fs).unwrap().0.report.saved_to.unwrap();
    assert_eq!(second.to_str().unwrap(), format!("{}-2", first.display()));
    assert_eq!(fs.contents(&first), fs.contents(&second));
}

#[test]
fn a_torn_tail_is_refused_where_the_configuration_says_so() {
    let image = rich();
    let fs = with_current(&image.bytes[..image.len() as usize - 1]);
    let strict = Start {
        load_truncated: false,
        ..START
    };
    let error = recover(&fs, dir(), strict, &mut Collect::default())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, RecoverError::Torn { .. }));
    let text = error.to_string();
    assert!(
        text.contains("torn at ") && text.contains("load-truncated"),
        "{text}"
    );
    assert_eq!(fs.contents(&current()).unwrap().len(), image.bytes.len() - 1);
    assert_eq!(names_in(&fs), [names::CURRENT]);
}

#[test]
fn damage_to_what_was_durable_is_refused_with_offset_and_seqs() {
    let image = rich();
    let mut bytes = image.bytes.clone();
    bytes[image.snapshot_end as usize + 56 + 60] ^= 1;
    let error = refusal(&with_current(&bytes));
    let RecoverError::Corrupt { corrupt, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(corrupt.offset, image.snapshot_end + 56);
    let text = error.to_string();
    assert!(
        text.contains(&format!("corrupt at {}: seq 101..", corrupt.offset)),
        "{text}"
    );
    assert!(text.contains("next good frame at"), "{text}");
}

#[test]
fn a_seal_is_cut_off_before_anything_is_appended() {
    let image = rich().synced().seal();
    let fs = with_current(&image.bytes);
    let (recovered, seen) = start(&fs).unwrap();
    assert!(recovered.report.sealed);
    assert_eq!(seen.groups, image.groups);
    assert_eq!(recovered.end, image.len() - 56);
    for image in fs.crash_images_from(fs.op_count()) {
        assert_eq!(image.fs.contents(&current()).unwrap().len() as u64, recovered.end);
    }
}

#[test]
fn zeros_at_the_end_are_cut_off_without_being_saved() {
    let image = rich();
    let mut bytes = image.bytes.clone();
    bytes.resize(bytes.len() + 4096, 0);
    let fs = with_current(&bytes);
    let (recovered, seen) = start(&fs).unwrap();
    assert_eq!(seen.groups, image.groups);
    assert_eq!((recovered.end, recovered.report.torn_bytes), (image.len(), 0));
    assert_eq!(fs.contents(&current()).unwrap(), image.bytes);
    assert_eq!(names_in(&fs), [names::CURRENT]);
}

#[test]
fn a_log_without_a_group_loads() {
    let image = Image::new().snapshot_end();
    let (recovered, seen) = start(&with_current(&image.bytes)).unwrap();
    assert_eq!(
        (recovered.next_seq, recovered.durable_seq),
        (BASE_SEQ + 1, BASE_SEQ)
    );
    assert!(seen.groups.is_empty());
}

#[test]
fn the_real_file_system_starts_as_the_simulated_one_does() {
    let dir = std::env::temp_dir().join(format!("mylog-start-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let begin = || {
        let mut seen = Collect::default();
        recover(&OsFs, &dir, START, &mut seen).map(|recovered| (recovered, seen))
    };
    let (made, _) = begin().unwrap();
    assert!(made.report.created);
    let frames = first_frames(&made.identity, made.next_seq, b"payload");
    let live = dir.join(names::CURRENT);
    let mut bytes = std::fs::read(&live).unwrap();
    bytes.extend_from_slice(&frames);
    bytes.extend_from_slice(b"half a frame");
    std::fs::write(&live, &bytes).unwrap();
    std::fs::write(dir.join(names::rewrite(2)), b"").unwrap();

    let (loaded, seen) = begin().unwrap();
    assert_eq!(
        (loaded.identity, loaded.next_seq, loaded.run),
        (made.identity, 2, 55)
    );
    assert_eq!(seen.groups.len(), 1);
    assert_eq!(
        std::fs::read(loaded.report.saved_to.unwrap()).unwrap(),
        b"half a frame"
    );
    assert_eq!(std::fs::read(&live).unwrap(), bytes[..bytes.len() - 12]);
    // What has such a name and is no file keeps nothing else from being swept away.
    let folders = ["probe.mylog", "rewrite-1.mylog"].map(|name| dir.join(name));
    for folder in &folders {
        std::fs::create_dir(folder).unwrap();
    }
    let swept = sweep(&OsFs, &dir).unwrap();
    assert_eq!(swept.removed, ["rewrite-2.mylog"]);
    let left: Vec<_> = swept.left.into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, folders);
    std::fs::remove_dir_all(dir).unwrap();
}
