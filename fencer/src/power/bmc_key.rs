//! A BMC key as people write it: hexadecimal digits. Never shows one.

use palisade_host::secret::Secret;
use palisade_ipmi::secret::Secret as BmcKey;

/// Text that is no BMC key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 20 bytes in hexadecimal digits")]
pub struct NoBmcKey;

/// The key of 2 to 40 hexadecimal digits, after `0x` or without it.
///
/// # Errors
/// [`NoBmcKey`]; it does not quote the text.
pub fn bmc_key(digits: &Secret) -> Result<BmcKey, NoBmcKey> {
    let digits = digits.expose().trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits).as_bytes();
    let mut key = zeroize::Zeroizing::new([0; 20]);
    let length = digits.len() / 2;
    if digits.is_empty() || !digits.len().is_multiple_of(2) || length > key.len() {
        return Err(NoBmcKey);
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = pair else { return Err(NoBmcKey) };
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    BmcKey::new(key.get(..length).unwrap_or_default()).map_err(|_too_long| NoBmcKey)
}

fn nibble(digit: u8) -> Result<u8, NoBmcKey> {
    let value = char::from(digit).to_digit(16).ok_or(NoBmcKey)?;
    u8::try_from(value).map_err(|_| NoBmcKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<BmcKey, NoBmcKey> {
        bmc_key(&Secret::new(text.to_owned()))
    }

    #[test]
    fn a_bmc_key_is_one_to_twenty_bytes_in_hexadecimal_digits() {
        assert_eq!(key("0x31323334"), Ok(BmcKey::new(b"1234").unwrap()));
        for good in ["00", "ffeeddccbbaa99887766554433221100FFEEDDCC", "0a\n"] {
            assert!(key(good).is_ok(), "{good}");
        }
        let long = "00".repeat(21);
        for bad in ["", "0", "xy", "0x", "+1", "\u{e9}", &long] {
            assert_eq!(key(bad), Err(NoBmcKey), "{bad}");
        }
    }
}
