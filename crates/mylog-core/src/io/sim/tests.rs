//! What the simulation promises to the tests that stand on it.

use super::*;

fn at(name: &str) -> PathBuf {
    Path::new("/").join(name)
}

fn write(file: &mut Box<dyn File>, bytes: &[u8], offset: u64) {
    assert_eq!(
        file.write_at(&[IoSlice::new(bytes)], offset).unwrap(),
        bytes.len()
    );
}

/// The distinct contents of `name` over all images after `from` operations; `None` where it has no name.
fn outcomes(fs: &SimFs, name: &str, from: usize) -> Vec<Option<Vec<u8>>> {
    let mut seen = Vec::new();
    for image in fs.crash_images_from(from) {
        let contents = image.fs.contents(&at(name));
        if !seen.contains(&contents) {
            seen.push(contents);
        }
    }
    seen
}

#[test]
fn a_name_is_lost_until_its_folder_is_synced() {
    let fs = SimFs::new();
    let mut file = fs.create_new(&at("a")).unwrap();
    write(&mut file, b"x", 0);
    file.sync_data().unwrap();
    assert!(outcomes(&fs, "a", fs.op_count()).contains(&None));
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(outcomes(&fs, "a", fs.op_count()), [Some(b"x".to_vec())]);
}

#[test]
fn contents_are_lost_until_they_are_synced() {
    let fs = SimFs::new();
    let mut file = fs.create_new(&at("a")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    write(&mut file, b"ab", 0);
    write(&mut file, b"cd", 2);
    let seen = outcomes(&fs, "a", fs.op_count());
    for want in [&b""[..], b"ab", b"\0\0cd", b"abcd"] {
        assert!(
            seen.contains(&Some(want.to_vec())),
            "{want:?} is missing from {seen:?}"
        );
    }
    file.sync_data().unwrap();
    assert_eq!(outcomes(&fs, "a", fs.op_count()), [Some(b"abcd".to_vec())]);
}

#[test]
fn a_rename_leaves_the_old_or_the_new_file_and_after_a_sync_the_new_one() {
    let fs = SimFs::new();
    fs.put(&at("live"), b"old");
    fs.put(&at("temp"), b"new");
    fs.rename(&at("temp"), &at("live")).unwrap();
    assert_eq!(fs.contents(&at("live")).unwrap(), b"new");
    let seen = outcomes(&fs, "live", 0);
    assert_eq!(seen, [Some(b"old".to_vec()), Some(b"new".to_vec())]);
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(outcomes(&fs, "live", fs.op_count()), [Some(b"new".to_vec())]);
    assert_eq!(outcomes(&fs, "temp", fs.op_count()), [None]);
}

#[test]
fn a_write_is_torn_at_every_sector() {
    let fs = SimFs::new();
    fs.put(&at("a"), b"");
    let mut file = fs.open(&at("a")).unwrap();
    write(&mut file, &[7; 1100], 100);
    let lens: Vec<usize> = outcomes(&fs, "a", 0)
        .into_iter()
        .flatten()
        .map(|c| c.len())
        .collect();
    for want in [0, 512, 1024, 1200] {
        assert!(lens.contains(&want), "{want} is missing from {lens:?}");
    }
    let front_lost =
        |c: &Option<Vec<u8>>| matches!(c, Some(c) if c.get(511) == Some(&0) && c.get(512) == Some(&7));
    assert!(outcomes(&fs, "a", 0).iter().any(front_lost));
}

#[test]
fn what_a_failed_sync_left_is_readable_but_only_writing_it_again_makes_it_durable() {
    let fs = SimFs::new();
    fs.put(&at("a"), b"....");
    let mut file = fs.open(&at("a")).unwrap();
    write(&mut file, b"ABCD", 0);
    fs.fail_sync_data(1);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(fs.contents(&at("a")).unwrap(), b"ABCD");
    assert!(outcomes(&fs, "a", fs.op_count()).contains(&Some(b"....".to_vec())));
    write(&mut file, b"BC", 1);
    file.sync_data().unwrap();
    let seen = outcomes(&fs, "a", fs.op_count());
    assert!(seen.contains(&Some(b".BC.".to_vec())), "{seen:?}");
    assert!(seen.iter().flatten().all(|c| &c[1..3] == b"BC"), "{seen:?}");
    write(&mut file, b"ABCD", 0);
    file.sync_data().unwrap();
    assert_eq!(outcomes(&fs, "a", fs.op_count()), [Some(b"ABCD".to_vec())]);
}

#[test]
fn a_folder_is_lost_with_all_that_is_in_it_until_its_parent_is_synced() {
    let fs = SimFs::new();
    assert!(fs.create_dir(&at("d")).unwrap());
    assert!(!fs.create_dir(&at("d")).unwrap());
    fs.create_new(&at("d/f")).unwrap().sync_data().unwrap();
    fs.sync_dir(&at("d")).unwrap();
    assert!(outcomes(&fs, "d/f", fs.op_count()).contains(&None));
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(outcomes(&fs, "d/f", fs.op_count()), [Some(Vec::new())]);
    assert_eq!(fs.list(Path::new("/")).unwrap(), ["d"]);
}
