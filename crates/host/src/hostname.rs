//! What does this host call itself? The default name of a node.

use std::ffi::CStr;

/// The host's name as the kernel knows it, up to the first dot. `localhost` if it has none or it is not text: a name must be
/// there for log lines, and one that is only a default may be poor.
#[must_use]
pub fn hostname() -> String {
    let mut buf = [0; MAX_NAME];
    let name = read_name(&mut buf).and_then(|name| name.to_str().ok()).unwrap_or_default();
    match name.split('.').next() {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => "localhost".to_owned(),
    }
}

#[expect(unsafe_code, reason = "the kernel's name for this host")]
fn read_name(buf: &mut [u8; MAX_NAME]) -> Option<&CStr> {
    // SAFETY: gethostname(2) writes at most that many bytes to `buf`, which is ours alone. The last byte is kept from it:
    // a name that fills the rest is not required to end in a NUL.
    let failed = unsafe { libc::gethostname(buf.as_mut_ptr().cast(), MAX_NAME - 1) };
    if failed != 0 {
        return None;
    }
    CStr::from_bytes_until_nul(buf).ok()
}

/// Linux names have at most 64 bytes (HOST_NAME_MAX); POSIX allows 255.
const MAX_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_kernels_without_its_domain() {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("procfs is mounted");
        let short = kernel.trim().split('.').next().unwrap_or_default();
        assert_eq!(hostname(), if short.is_empty() { "localhost" } else { short });
    }
}
