//! Which numbers has a user or a group of this host?

use std::ffi::{CString, c_char};
use std::io;

/// A user as processes have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub user: u32,
    /// That of its own group.
    pub group: u32,
    /// All of its groups.
    pub groups: Vec<u32>,
}

impl User {
    /// The user of this name, with its groups. `None`: there is nobody of that name.
    ///
    /// # Errors
    /// What the host's lists of users answered instead.
    pub fn named(name: &str) -> io::Result<Option<Self>> {
        let Some((user, group)) = look_up(name, read_user)? else { return Ok(None) };
        Ok(Some(Self { user, group, groups: groups(name, group)? }))
    }

    /// The one that this process runs as (its effective number). Root is 0.
    #[must_use]
    #[expect(unsafe_code, reason = "std does not ask")]
    pub fn ours() -> u32 {
        // SAFETY: geteuid(2) takes nothing, touches no memory and cannot fail.
        unsafe { libc::geteuid() }
    }
}

/// The number of the user of this name. `None`: there is nobody of that name.
///
/// # Errors
/// What the host's lists of users answered instead.
pub fn user(name: &str) -> io::Result<Option<u32>> {
    Ok(look_up(name, read_user)?.map(|(user, _)| user))
}

/// The number of the group of this name. `None`: there is none.
///
/// # Errors
/// What the host's lists of groups answered instead.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    look_up(name, read_group)
}

/// The answer to one look-up with a buffer of this size: `ERANGE` asks for a larger one.
type Read<T> = fn(&CString, &mut [c_char]) -> Result<Option<T>, i32>;

fn look_up<T>(name: &str, read: Read<T>) -> io::Result<Option<T>> {
    let name = CString::new(name)?;
    let mut room = vec![0; FIRST_ROOM];
    loop {
        match read(&name, &mut room) {
            Ok(found) => return Ok(found),
            Err(libc::ERANGE) if room.len() < MAX_ROOM => room.resize(room.len() * 2, 0),
            Err(libc::EINTR) => {}
            // getpwnam(3): what some lists answer where they mean that there is nobody.
            Err(libc::ENOENT | libc::ESRCH) => return Ok(None),
            Err(error) => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[expect(unsafe_code, reason = "the host's users")]
fn read_user(name: &CString, room: &mut [c_char]) -> Result<Option<(u32, u32)>, i32> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: getpwnam_r(3) writes the entry and what it points to into our own memory, of the length that it is told, and sets `found`
    // to the entry or to null. The name ends in a NUL.
    let error =
        unsafe { libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &raw mut found) };
    if error != 0 {
        return Err(error);
    }
    // SAFETY: a pointer that is not null is that of `entry`, which was filled in.
    Ok(unsafe { found.as_ref() }.map(|entry| (entry.pw_uid, entry.pw_gid)))
}

#[expect(unsafe_code, reason = "the groups of a user")]
fn groups(name: &str, group: u32) -> io::Result<Vec<u32>> {
    let name = CString::new(name)?;
    let mut groups = vec![0; MAX_GROUPS];
    let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: getgrouplist(3) writes at most `count` numbers to the list, which has so many, and then sets `count` to how many there
    // are. The name ends in a NUL.
    let found = unsafe { libc::getgrouplist(name.as_ptr(), group, groups.as_mut_ptr(), &raw mut count) };
    if found < 0 {
        return Err(io::Error::other(format!("it is in more than {MAX_GROUPS} groups")));
    }
    groups.truncate(usize::try_from(count).unwrap_or_default());
    Ok(groups)
}

#[expect(unsafe_code, reason = "the host's groups")]
fn read_group(name: &CString, room: &mut [c_char]) -> Result<Option<u32>, i32> {
    let mut entry = std::mem::MaybeUninit::<libc::group>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: getgrnam_r(3) writes the entry and what it points to into our own memory, of the length that it is told, and sets `found`
    // to the entry or to null. The name ends in a NUL.
    let error =
        unsafe { libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &raw mut found) };
    if error != 0 {
        return Err(error);
    }
    // SAFETY: a pointer that is not null is that of `entry`, which was filled in.
    Ok(unsafe { found.as_ref() }.map(|entry| entry.gr_gid))
}

/// More than somebody is in who runs scripts; the kernel takes 65,536.
const MAX_GROUPS: usize = 1_024;
/// Most entries take less.
const FIRST_ROOM: usize = 1 << 10;
/// A group of so many members is no group that owns a socket.
const MAX_ROOM: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_a_stranger_is_not() {
        assert_eq!((user("root").unwrap(), group("root").unwrap()), (Some(0), Some(0)));
        assert_eq!((user("nobody of that name").unwrap(), group("no such group").unwrap()), (None, None));
        assert!(user("a\0b").is_err());
        let root = User::named("root").unwrap().unwrap();
        assert!((root.user, root.group) == (0, 0) && root.groups.contains(&0), "{root:?}");
        assert_eq!(User::named("nobody of that name").unwrap(), None);
    }
}
