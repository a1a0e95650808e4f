//! The promise is about crashes, so these tests crash: between the steps by hand, and anywhere by SIGKILL.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::*;

/// A directory of its own for each test, removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = env::temp_dir().join(format!("standfast-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary directory can be written");
        Self(dir)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_saved_is_loaded_after_a_restart() {
    let scratch = Scratch::new("restart");
    let store = Store::open(scratch.state()).unwrap();
    assert_eq!(store.load("votes").unwrap(), None);
    store.save("votes", b"epoch 7").unwrap();
    store.save("votes", b"epoch 8").unwrap();
    store.save("peers", b"").unwrap();
    drop(store);

    let store = Store::open(scratch.state()).unwrap();
    assert_eq!(store.load("votes").unwrap().as_deref(), Some(&b"epoch 8"[..]));
    assert_eq!(store.load("peers").unwrap().as_deref(), Some(&b""[..]));
}

#[test]
fn only_its_owner_may_look() {
    let scratch = Scratch::new("mode");
    let dir = scratch.0.join("a/b/c");
    Store::open(&dir).unwrap().save("votes", b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("votes")), 0o600);
}

#[test]
fn a_crash_between_the_steps_leaves_the_old_content_and_no_litter() {
    let scratch = Scratch::new("steps");
    let store = Store::open(scratch.state()).unwrap();
    store.save("votes", b"old").unwrap();
    // After steps 1 and 2, and in the middle of step 1.
    store.write_beside("votes", b"new").unwrap();
    fs::write(store.dir().join(".peers.tmp"), b"to").unwrap();
    assert_eq!(store.load("votes").unwrap().as_deref(), Some(&b"old"[..]));
    drop(store);

    let store = Store::open(scratch.state()).unwrap();
    assert_eq!(store.load("votes").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(store.load("peers").unwrap(), None);
    let mut left: Vec<_> = fs::read_dir(store.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "votes"]);
}

#[test]
fn a_reader_beside_a_writer_sees_whole_contents_only() {
    let scratch = Scratch::new("reader");
    let store = Store::open(scratch.state()).unwrap();
    store.save("votes", &content(0)).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 1..100 {
                store.save("votes", &content(n)).unwrap();
            }
        });
        while !writer.is_finished() {
            assert_whole(&store.load("votes").unwrap().expect("it was saved before"));
        }
    });
}

/// One test, two roles: with STORE_CRASH set it is the process that saves until it is killed.
#[test]
fn a_kill_at_any_moment_leaves_a_whole_content() {
    const NAME: &str = "store::tests::a_kill_at_any_moment_leaves_a_whole_content";
    if let Some(dir) = env::var_os("STORE_CRASH") {
        let store = Store::open(dir).unwrap();
        for n in 0.. {
            store.save("votes", &content(n)).unwrap();
        }
    }
    let scratch = Scratch::new("kill");
    let mut kept = 0;
    for round in 0..200 {
        // A busy machine may take longer to let one of them begin.
        if round >= 8 && kept > 0 {
            break;
        }
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env("STORE_CRASH", scratch.state())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(30 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Opening proves that the dead process's lock is gone.
        let store = Store::open(scratch.state()).unwrap();
        if let Some(bytes) = store.load("votes").unwrap() {
            assert_whole(&bytes);
            kept += 1;
        }
    }
    assert!(kept > 0, "no child lived long enough to save: the test tests nothing");
}

#[test]
fn a_second_holder_is_told_who_the_first_is() {
    let scratch = Scratch::new("lock");
    let first = Store::open(scratch.state()).unwrap();
    first.write_beside("votes", b"in the middle of a save").unwrap();
    let refused = Store::open(scratch.state()).unwrap_err().to_string();
    assert!(refused.contains(&format!("process {} holds it", std::process::id())), "{refused}");
    assert!(refused.contains(&scratch.state().display().to_string()), "{refused}");
    assert!(refused.contains("state directory of its own"), "{refused}");
    assert!(first.dir().join(".votes.tmp").exists(), "the second one touched the first one's save");

    drop(first);
    Store::open(scratch.state()).unwrap();
}

#[test]
fn a_lock_that_is_handed_over_is_nobody_elses_at_any_moment() {
    let scratch = Scratch::new("handed");
    let old = Store::open(scratch.state()).unwrap();
    old.save("votes", b"epoch 7").unwrap();
    let new = Store::take_over(scratch.state(), old.lock().try_clone().unwrap()).unwrap();
    assert_eq!(new.load("votes").unwrap().as_deref(), Some(&b"epoch 7"[..]));
    assert!(Store::open(scratch.state()).is_err(), "both have it");
    drop(old);
    assert!(Store::open(scratch.state()).is_err(), "the new one has it");
    let other = Store::open(scratch.0.join("other")).unwrap();
    let wrong = Store::take_over(scratch.state(), other.lock().try_clone().unwrap()).unwrap_err();
    assert!(wrong.to_string().contains("another directory"), "{wrong}");
    drop(new);
    Store::open(scratch.state()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_is_an_error_with_a_remedy() {
    let scratch = Scratch::new("unwritable");
    // Root ignores permissions, but not that a file is no directory, nor that /proc takes no files.
    let file = scratch.0.join("file");
    fs::write(&file, b"").unwrap();
    let refused = Store::open(file.join("state")).unwrap_err();
    assert_eq!(refused.source.kind(), io::ErrorKind::NotADirectory);
    assert!(refused.to_string().contains("is a file: name another path"), "{refused}");

    for dir in [PathBuf::from("/proc/standfast"), PathBuf::from("/proc"), file] {
        let refused = Store::open(&dir).unwrap_err();
        assert!(refused.to_string().contains(&dir.display().to_string()), "{refused}");
        assert!(!refused.remedy.is_empty());
    }
}

#[test]
fn a_file_past_the_bound_is_neither_saved_nor_loaded() {
    let scratch = Scratch::new("bound");
    let store = Store::open(scratch.state()).unwrap();
    let full = vec![b'x'; usize::try_from(MAX_FILE).unwrap()];
    store.save("votes", &full).unwrap();
    assert_eq!(store.load("votes").unwrap().map(|b| b.len()), Some(full.len()));

    let long = [&full[..], b"y"].concat();
    assert_eq!(store.save("votes", &long).unwrap_err().source.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(store.load("votes").unwrap().map(|b| b.len()), Some(full.len()), "the old content is still there");
    fs::write(store.dir().join("foreign"), &long).unwrap();
    assert_eq!(store.load("foreign").unwrap_err().source.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn names_that_would_leave_the_directory_are_a_bug() {
    let scratch = Scratch::new("names");
    let store = Store::open(scratch.state()).unwrap();
    for name in ["", ".", "..", "../votes", "a/b", ".votes", "lock", "a\0b"] {
        let caught = std::panic::catch_unwind(|| store.save(name, b""));
        assert!(caught.is_err(), "{name:?} was accepted");
    }
}

/// Longer than a page and than a sector, so that a torn write would show: the number `n`, a thousand times.
fn content(n: u32) -> Vec<u8> {
    n.to_le_bytes().repeat(1_000 + n as usize % 7)
}

fn assert_whole(bytes: &[u8]) {
    let n = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    assert!(bytes == content(n), "a torn content of {} bytes that begins with {n}", bytes.len());
}

#[test]
fn an_operators_file_is_replaced_whole_with_the_rights_that_it_had() {
    let scratch = Scratch::new("replace");
    let path = scratch.0.join("s.conf");
    replace(&path, b"one").unwrap();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path) & 0o644, mode(&path), "a new one is not written by others");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(scratch.0.join(".s.conf.tmp"), b"torn by a crash").unwrap();
    replace(&path, b"two").unwrap();
    assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"two"[..], 0o640));
    let left: Vec<_> = fs::read_dir(&scratch.0).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["s.conf"]);

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(replace(&path, b"three").is_err());
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "nothing is left beside it");
}

#[expect(unsafe_code, reason = "one thread becomes another user, which std cannot do")]
#[test]
fn who_cannot_give_a_file_away_shows_it_to_nobody_else() {
    const NOBODY: libc::uid_t = 65_534;
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let scratch = Scratch::new("stranger");
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o777)).unwrap();
    let path = scratch.0.join("s.conf");
    fs::write(&path, b"old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o460)).unwrap();
    let file = path.clone();
    let replaced = thread::spawn(move || {
        // SAFETY: setresuid(2) takes three numbers; called directly, it changes this thread alone, which ends below.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
        assert_eq!(done, 0);
        replace(&file, b"new")
    });
    replaced.join().unwrap().unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.uid(), found.permissions().mode() & 0o777), (NOBODY, 0o660));
}
