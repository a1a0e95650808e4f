//! How many descriptors may this process have?

use std::io;

/// Raises the soft limit of descriptors towards `wanted`, as far as the hard limit allows, and returns the limit that now
/// holds. Most shells and services start processes with 1,024, and a proxy needs two for each client.
///
/// # Errors
/// When the kernel will not tell or set the limit; the old one still holds then.
pub fn raise_descriptors(wanted: u64) -> io::Result<u64> {
    let mut limit = descriptors()?;
    if limit.rlim_cur >= wanted {
        return Ok(limit.rlim_cur);
    }
    limit.rlim_cur = wanted.min(limit.rlim_max);
    set_descriptors(&limit)?;
    Ok(limit.rlim_cur)
}

#[expect(unsafe_code, reason = "a system call that std does not offer")]
fn descriptors() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one `rlimit` to the address that it is given, which is ours and of that type.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result == 0 { Ok(limit) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "a system call that std does not offer")]
fn set_descriptors(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: setrlimit(2) only reads one `rlimit` from the address that it is given.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const *limit) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_may_be_and_never_lowered() {
        let before = descriptors().expect("the kernel tells");
        assert_eq!(raise_descriptors(1).expect("nothing to do"), before.rlim_cur);
        assert_eq!(raise_descriptors(u64::MAX).expect("up to the hard limit"), before.rlim_max);
        assert_eq!(descriptors().expect("the kernel tells").rlim_cur, before.rlim_max);
    }
}
