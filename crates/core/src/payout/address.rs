//! Forms and checksums of addresses. Each check is by the network's own definition, which its comment names.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, segwit};
use data_encoding::{BASE32, BASE64, BASE64URL};
use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::{ADDRESS_BYTES_MAX, MEMO_BYTES_MAX, Network};

/// What is wrong about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not have the form.
    Form,
    /// It has the form; its checksum says that a character is another.
    Checksum,
}

/// The address in the spelling in which it is kept.
pub(super) fn check(network: Network, text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > ADDRESS_BYTES_MAX || !text.is_ascii() {
        return Err(Fault::Form);
    }
    match network {
        Network::Ethereum => ethereum(text),
        Network::Bitcoin => segwit_or(text, "bc", |text| version(text, &[&[0x00], &[0x05]])),
        Network::BitcoinCash => cash(text),
        // 0x05 is the older spelling of 0x32, and Bitcoin's; wallets of both write it, so that it does not show whose it is.
        Network::Litecoin => segwit_or(text, "ltc", |text| version(text, &[&[0x30], &[0x32]])),
        Network::Dogecoin => version(text, &[&[0x1e], &[0x16]]),
        Network::Dash => version(text, &[&[0x4c], &[0x10]]),
        Network::Zcash => version(text, &[&[0x1c, 0xb8], &[0x1c, 0xbd]]),
        Network::Tron => version(text, &[&[0x41]]),
        Network::Solana => solana(text),
        Network::Ripple => ripple(text),
        Network::Stellar => stellar(text),
        Network::Ton => ton(text),
        Network::Monero => monero(text),
        // CIP-19, the addresses since Shelley; those before have no use in a new wallet.
        Network::Cardano => bech32_of(text, "addr", &[29, 57]),
        Network::Cosmos => bech32_of(text, "cosmos", &[20, 32]),
    }
}

/// Whether a text can be a memo; it is not empty.
pub(super) fn is_memo(network: Network, memo: &str) -> bool {
    if memo.len() > MEMO_BYTES_MAX || memo.chars().any(char::is_control) {
        return false;
    }
    match network {
        Network::Ripple => memo.bytes().all(|byte| byte.is_ascii_digit()) && memo.parse::<u32>().is_ok(),
        Network::Stellar => memo.len() <= 28,
        // What fits into one cell behind its 32 bits of zeros.
        Network::Ton => memo.len() <= 123,
        _ => true,
    }
}

/// EIP-55: the case of the letters is the checksum. One case only carries none; it is kept in the spelling that does.
fn ethereum(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix("0x").ok_or(Fault::Form)?;
    let is_address = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Nobody has the key of zero: what is sent there is burnt.
    if !is_address || digits.bytes().all(|byte| byte == b'0') {
        return Err(Fault::Form);
    }
    let lower = digits.to_ascii_lowercase();
    let hash = Keccak256::digest(lower.as_bytes());
    let spelled: String = lower
        .chars()
        .enumerate()
        .map(|(place, digit)| {
            let nibble = hash[place / 2] >> (if place % 2 == 0 { 4 } else { 0 }) & 0x0f;
            if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }
        })
        .collect();
    let is_plain = digits == lower || digits == digits.to_ascii_uppercase();
    if is_plain || digits == spelled { Ok(format!("0x{spelled}")) } else { Err(Fault::Checksum) }
}

/// Base58Check: four bytes of a double SHA-256 behind version and hash of 20 bytes.
fn version(text: &str, versions: &[&[u8]]) -> Result<String, Fault> {
    let bytes = bs58::decode(text).into_vec().map_err(|_| Fault::Form)?;
    let starts = |version: &&[u8]| bytes.starts_with(version) && bytes.len() == version.len() + 20 + 4;
    if !versions.iter().any(starts) {
        return Err(Fault::Form);
    }
    check58(&bytes)?;
    Ok(text.to_owned())
}

fn check58(bytes: &[u8]) -> Result<(), Fault> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Fault::Form)?;
    let hash = Sha256::digest(Sha256::digest(body));
    if hash.starts_with(sum) { Ok(()) } else { Err(Fault::Checksum) }
}

/// BIP-173 and BIP-350, or an older form.
fn segwit_or(
    text: &str,
    prefix: &str,
    older: impl Fn(&str) -> Result<String, Fault>,
) -> Result<String, Fault> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix(prefix).filter(|rest| rest.starts_with('1')) else {
        return older(text);
    };
    match segwit::decode(text) {
        Ok(_) => Ok(lower),
        Err(_) if is_bech32_text(text, rest) => Err(Fault::Checksum),
        Err(_) => Err(Fault::Form),
    }
}

/// Whether it could be one, but for its checksum.
fn is_bech32_text(text: &str, rest: &str) -> bool {
    let has_one_case = text == text.to_ascii_lowercase() || text == text.to_ascii_uppercase();
    has_one_case && rest.len() > 8 && rest[1..].bytes().all(|byte| CHARSET.contains(&byte))
}

/// The 32 digits of bech32 and of Bitcoin Cash.
const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn bech32_of(text: &str, prefix: &str, lengths: &[usize]) -> Result<String, Fault> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix(prefix).filter(|rest| rest.starts_with('1')) else {
        return Err(Fault::Form);
    };
    match CheckedHrpstring::new::<Bech32>(text) {
        Ok(checked) if lengths.contains(&checked.byte_iter().count()) => Ok(lower),
        Err(_) if is_bech32_text(text, rest) => Err(Fault::Checksum),
        Ok(_) | Err(_) => Err(Fault::Form),
    }
}

/// The `CashAddr` form of Bitcoin Cash: version and hash of 20 bytes in digits of five bits, and a checksum of 40 bits over them and
/// the prefix.
fn cash(text: &str) -> Result<String, Fault> {
    const PREFIX: &str = "bitcoincash";
    const GENERATORS: [u64; 5] =
        [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
    if text != text.to_ascii_lowercase() && text != text.to_ascii_uppercase() {
        return Err(Fault::Form);
    }
    let lower = text.to_ascii_lowercase();
    let body = match lower.split_once(':') {
        Some((PREFIX, body)) => body,
        Some(_) => return Err(Fault::Form),
        None => &lower,
    };
    let digit =
        |byte: u8| CHARSET.iter().position(|known| *known == byte).and_then(|at| u8::try_from(at).ok());
    let digits: Vec<u8> = body.bytes().map(digit).collect::<Option<_>>().ok_or(Fault::Form)?;
    // 8 bits of version and 160 of hash are 34 digits; 8 digits of checksum follow. The first one is of the version's upper bits.
    if digits.len() != 42 || digits[0] > 1 {
        return Err(Fault::Form);
    }
    let prefix = PREFIX.bytes().map(|byte| byte & 0x1f).chain([0]);
    let sum = prefix.chain(digits).fold(1_u64, |sum, digit| {
        let top = sum >> 35;
        let mut next = (sum & 0x07_ffff_ffff) << 5 ^ u64::from(digit);
        for (bit, generator) in GENERATORS.iter().enumerate() {
            if top >> bit & 1 == 1 {
                next ^= generator;
            }
        }
        next
    });
    if sum == 1 { Ok(format!("{PREFIX}:{body}")) } else { Err(Fault::Checksum) }
}

/// A public key of 32 bytes; Solana's addresses have no checksum. The key of zeros is the system's own.
fn solana(text: &str) -> Result<String, Fault> {
    let bytes = bs58::decode(text).into_vec().map_err(|_| Fault::Form)?;
    if bytes.len() == 32 && bytes.iter().any(|byte| *byte != 0) {
        Ok(text.to_owned())
    } else {
        Err(Fault::Form)
    }
}

/// Base58Check in an alphabet of its own, in which version 0 shows as `r`.
fn ripple(text: &str) -> Result<String, Fault> {
    let decoded = bs58::decode(text).with_alphabet(bs58::Alphabet::RIPPLE).into_vec();
    let bytes = decoded.map_err(|_| Fault::Form)?;
    if bytes.len() != 25 || bytes[0] != 0 {
        return Err(Fault::Form);
    }
    check58(&bytes)?;
    Ok(text.to_owned())
}

/// SEP-23: a version of one byte, a key of 32, and CRC-16/XMODEM with its lower byte first.
fn stellar(text: &str) -> Result<String, Fault> {
    /// What shows as `G`.
    const ACCOUNT: u8 = 6 << 3;
    let upper = text.to_ascii_uppercase();
    let bytes = BASE32.decode(upper.as_bytes()).map_err(|_| Fault::Form)?;
    if bytes.len() != 35 || bytes[0] != ACCOUNT {
        return Err(Fault::Form);
    }
    let (body, sum) = bytes.split_last_chunk::<2>().ok_or(Fault::Form)?;
    if crc16(body) == u16::from_le_bytes(*sum) { Ok(upper) } else { Err(Fault::Checksum) }
}

/// TEP-2: flags, workchain, a hash of 32 bytes, and CRC-16/XMODEM, in either base64. The raw form has no checksum and is not taken.
fn ton(text: &str) -> Result<String, Fault> {
    /// To be bounced back, or not; the bit above marks the test network.
    const FLAGS: [u8; 2] = [0x11, 0x51];
    /// The basic chain, and the master chain.
    const CHAINS: [u8; 2] = [0x00, 0xff];
    let decoded = BASE64URL.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes()));
    let bytes = decoded.map_err(|_| Fault::Form)?;
    if bytes.len() != 36 || !FLAGS.contains(&bytes[0]) || !CHAINS.contains(&bytes[1]) {
        return Err(Fault::Form);
    }
    let (body, sum) = bytes.split_last_chunk::<2>().ok_or(Fault::Form)?;
    if crc16(body) == u16::from_be_bytes(*sum) { Ok(BASE64URL.encode(&bytes)) } else { Err(Fault::Checksum) }
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(
            sum ^ u16::from(*byte) << 8,
            |sum, _| {
                if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 }
            },
        )
    })
}

/// Monero's base58: blocks of eight bytes in eleven digits, the last one shorter; a byte of network, two keys of 32, perhaps a payment id
/// of eight, and the first four bytes of a Keccak-256.
fn monero(text: &str) -> Result<String, Fault> {
    /// An address, one with a payment id, a subaddress.
    const LENGTHS: [(u8, usize); 3] = [(18, 69), (19, 77), (42, 69)];
    let bytes = monero_base58(text).ok_or(Fault::Form)?;
    if !LENGTHS.contains(&(*bytes.first().ok_or(Fault::Form)?, bytes.len())) {
        return Err(Fault::Form);
    }
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Fault::Form)?;
    if Keccak256::digest(body).starts_with(sum) { Ok(text.to_owned()) } else { Err(Fault::Checksum) }
}

fn monero_base58(text: &str) -> Option<Vec<u8>> {
    /// How many digits so many bytes have.
    const DIGITS: [usize; 9] = [0, 2, 3, 5, 6, 7, 9, 10, 11];
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = Vec::new();
    for block in text.as_bytes().chunks(11) {
        let length = DIGITS.iter().position(|digits| *digits == block.len())?;
        let mut number = 0_u128;
        for byte in block {
            let digit = ALPHABET.iter().position(|known| known == byte)?;
            number = number * 58 + u128::try_from(digit).ok()?;
        }
        if number >> (8 * length) != 0 {
            return None;
        }
        bytes.extend_from_slice(&number.to_be_bytes()[16 - length..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
