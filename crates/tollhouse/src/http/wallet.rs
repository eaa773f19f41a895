//! What a wallet reads: the payment address as a URI, where wallets of that coin agree on one, and as a QR code.
//!
//! A URI is used only where a wallet that ignores half of it still sends the right coin to the right address. Tokens have none: by EIP-681
//! their URI begins with the contract's address, and a wallet that reads only that much would send the money there.

use fast_qr::{ECL, QRBuilder};
use maud::{Markup, PreEscaped, html};
use rust_decimal::Decimal;

/// How a coin's URI is written.
enum Scheme {
    /// `bitcoin:ADDRESS?amount=0.001` (BIP 21), with this scheme and this name of the amount.
    Amount(&'static str, &'static str),
    /// `ethereum:ADDRESS@1?value=WEI` (EIP-681), Ethereum's own coin only.
    Ethereum,
}

/// Wei of one ether.
const WEI_DIGITS: u32 = 18;

fn scheme(code: &str) -> Option<Scheme> {
    match code {
        "btc" => Some(Scheme::Amount("bitcoin", "amount")),
        "ltc" => Some(Scheme::Amount("litecoin", "amount")),
        "doge" => Some(Scheme::Amount("dogecoin", "amount")),
        "dash" => Some(Scheme::Amount("dash", "amount")),
        "bch" => Some(Scheme::Amount("bitcoincash", "amount")),
        "sol" => Some(Scheme::Amount("solana", "amount")),
        "xmr" => Some(Scheme::Amount("monero", "tx_amount")),
        "eth" => Some(Scheme::Ethereum),
        _ => None,
    }
}

/// The URI that wallets of this coin read; none where the plain address is safer, or where a memo has to go with it.
#[must_use]
pub fn uri(code: &str, address: &str, amount: Decimal, has_memo: bool) -> Option<String> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if has_memo {
        return None;
    }
    match scheme(code)? {
        Scheme::Amount(scheme, name) => {
            // Bitcoin Cash writes its scheme in front of its addresses, too.
            let bare =
                address.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(':')).unwrap_or(address);
            is_plain(bare).then(|| format!("{scheme}:{bare}?{name}={}", amount.normalize()))
        }
        Scheme::Ethereum => {
            let wei = amount.checked_mul(Decimal::from(10_u64.pow(WEI_DIGITS)))?;
            (is_plain(address) && wei.is_integer())
                .then(|| format!("ethereum:{address}@1?value={}", wei.normalize()))
        }
    }
}

/// White modules around a code that readers need (ISO/IEC 18004).
const QUIET_MODULES: usize = 4;

/// About how wide a code is shown, in pixels; it still fits a phone of 320.
const QR_PIXELS: usize = 250;
/// The smallest module that a camera reads from an arm's length, in pixels.
const MODULE_PIXELS_MIN: usize = 4;

/// A QR code as a picture that needs no colours of the page: black on white, in light and dark alike.
#[must_use]
pub fn qr(text: &str, label: &str) -> Markup {
    // Medium correction: a cracked screen still reads, and the modules stay large.
    let Ok(code) = QRBuilder::new(text).ecl(ECL::M).build() else { return html! {} };
    let size = code.size + 2 * QUIET_MODULES;
    // Whole pixels for each module: the edges of a code that is stretched fall beside the screen's.
    let pixels = size * (QR_PIXELS / size).max(MODULE_PIXELS_MIN);
    let mut path = String::with_capacity(code.size * code.size);
    for y in 0..code.size {
        let row = &code[y];
        let mut x = 0;
        for run in row.chunk_by(|a, b| a.value() == b.value()) {
            if run.first().is_some_and(|module| module.value()) {
                use std::fmt::Write as _;
                // Writing to a String does not fail.
                let _ = write!(
                    path,
                    "M{} {}h{}v1h-{}z",
                    x + QUIET_MODULES,
                    y + QUIET_MODULES,
                    run.len(),
                    run.len()
                );
            }
            x += run.len();
        }
    }
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (size) " " (size) } width=(pixels) height=(pixels) shape-rendering="crispEdges" role="img" aria-label=(label) {
            (PreEscaped("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"))
            path d=(path) fill="#000" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_wallet_sends_right_is_a_uri() {
        let amount = |text: &str| text.parse::<Decimal>().unwrap();
        let says = |code: &str, address: &str, text: &str| uri(code, address, amount(text), false);
        assert_eq!(says("btc", "bc1qxy", "0.00002500").unwrap(), "bitcoin:bc1qxy?amount=0.000025");
        assert_eq!(says("bch", "bitcoincash:qq12", "1.0").unwrap(), "bitcoincash:qq12?amount=1");
        assert_eq!(says("xmr", "4Axy", "0.5").unwrap(), "monero:4Axy?tx_amount=0.5");
        assert_eq!(says("eth", "0xAb", "0.001").unwrap(), "ethereum:0xAb@1?value=1000000000000000");
        assert_eq!(says("usdterc20", "0xAb", "5"), None, "a token's URI begins with its contract");
        assert_eq!(says("btc", "bc1q&amount=9", "1"), None, "an address that would write its own query");
        assert_eq!(uri("sol", "So1", amount("1"), true), None, "a memo would be lost");
        assert_eq!(says("eth", "0xAb", "0.0000000000000000001"), None, "less than a wei");
    }
}
