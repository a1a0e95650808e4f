//! How RESP writes a number in a header: digits, no plus, no leading zero, as Redis's `string2ll`
//! reads it. Two readings of one length are two framings, so nothing lax is accepted.

/// A number of which the digits may arrive in pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Number {
    magnitude: u64,
    digits: u8,
    negative: bool,
}

impl Number {
    /// Takes the next byte of the number; `None` if no number goes on like this.
    #[inline]
    #[must_use]
    pub(crate) fn push(mut self, byte: u8) -> Option<Self> {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let sign = byte == b'-' && self.digits == 0 && !self.negative;
            self.negative = true;
            return sign.then_some(self);
        }
        let leading_zero = self.digits > 0 && self.magnitude == 0;
        let minus_zero = self.negative && self.digits == 0 && digit == 0;
        // 18 digits always fit an i64; no length or count of Redis is longer.
        if leading_zero || minus_zero || self.digits == 18 {
            return None;
        }
        self.magnitude = self.magnitude * 10 + u64::from(digit);
        self.digits += 1;
        Some(self)
    }

    /// The number, if it has a digit.
    #[inline]
    pub(crate) fn value(self) -> Option<i64> {
        let magnitude = self.magnitude as i64;
        (self.digits > 0).then_some(if self.negative { -magnitude } else { magnitude })
    }

    /// Reads a whole header field.
    #[inline]
    pub(crate) fn parse(field: &[u8]) -> Option<i64> {
        let mut number = Self::default();
        for &byte in field {
            number = number.push(byte)?;
        }
        number.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_of_a_number_is_read() {
        assert_eq!(Number::parse(b"0"), Some(0));
        assert_eq!(Number::parse(b"-1"), Some(-1));
        assert_eq!(Number::parse(b"1048576"), Some(1_048_576));
        for lax in [&b""[..], b"-", b"+1", b"01", b"-0", b"00", b"--1", b"1-", b" 1", b"1 ", b"0x1"] {
            assert_eq!(Number::parse(lax), None, "{}", lax.escape_ascii());
        }
    }

    #[test]
    fn a_number_that_would_overflow_is_none() {
        assert_eq!(Number::parse(b"999999999999999999"), Some(999_999_999_999_999_999));
        assert_eq!(Number::parse(b"9223372036854775808"), None);
        assert_eq!(Number::parse(b"99999999999999999999999999"), None);
    }
}
