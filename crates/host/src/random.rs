//! What can nobody guess? Bytes from the kernel, for identities and for the seeds of machines.

/// Twenty random bytes: the identity of a node, forty digits when written in hexadecimal, as Sentinel's run ids are.
#[must_use]
pub fn node_id() -> [u8; 20] {
    bytes()
}

/// A seed for a machine.
#[must_use]
pub fn seed() -> u64 {
    u64::from_ne_bytes(bytes())
}

/// Random bytes. Waits once, early at boot, until the kernel has gathered enough of them.
///
/// # Panics
/// When the kernel has no getrandom(2) (before Linux 3.17): without it no two nodes could be told apart.
#[must_use]
#[expect(unsafe_code, reason = "the kernel's randomness")]
pub fn bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= 256, "getrandom(2): up to 256 bytes come whole, or not at all") };
    let mut buf = [0; N];
    loop {
        // SAFETY: getrandom(2) writes at most N bytes to `buf`, which has N and is ours alone.
        let got = unsafe { libc::getrandom(buf.as_mut_ptr().cast(), N, 0) };
        if usize::try_from(got) == Ok(N) {
            return buf;
        }
        let error = std::io::Error::last_os_error();
        // Only the wait at boot can be interrupted by a signal.
        assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "getrandom(2): {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ids_and_no_two_seeds_are_the_same() {
        assert_ne!(node_id(), node_id());
        assert_ne!(seed(), seed());
    }

    #[test]
    fn every_byte_is_filled() {
        // A byte that stays zero in 64 draws was never written (or chance struck with 2^-512).
        let mut seen = [0; 20];
        for _ in 0..64 {
            for (seen, byte) in seen.iter_mut().zip(node_id()) {
                *seen |= byte;
            }
        }
        assert!(seen.iter().all(|&byte| byte != 0), "{seen:?}");
    }
}
