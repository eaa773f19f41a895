//! Addresses that are published, or made here by the definition.

use proptest::prelude::*;

use super::*;
use crate::money::Currency;
use crate::payout::{AddressError, Payout};

/// Published addresses: of genesis blocks, contracts, foundations, and of the definitions themselves.
const PUBLISHED: [(&str, &str); 24] = [
    ("eth", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("usdterc20", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
    ("usdtbsc", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"),
    ("usdcmatic", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"),
    ("btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("btc", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("btc", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("btc", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("bch", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    ("bch", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"),
    ("ltc", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
    ("doge", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
    ("usdttrc20", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ("usdcsol", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    ("xrp", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
    ("xlm", "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"),
    ("ton", "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2"),
    ("usdtton", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"),
    (
        "xmr",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ),
    (
        "xmr",
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
    ),
    (
        "ada",
        "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x",
    ),
    ("ada", "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8"),
    ("trx", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ("not", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"),
];

fn currency(ticker: &str) -> Currency {
    Currency::new(ticker).unwrap()
}

fn payout(ticker: &str, address: &str) -> Result<Payout, AddressError> {
    Payout::new(currency(ticker), address, None)
}

/// An address of version and hash, by Base58Check.
fn base58check(version: &[u8], hash: [u8; 20]) -> String {
    let mut bytes = [version, &hash].concat();
    let sum = Sha256::digest(Sha256::digest(&bytes));
    bytes.extend_from_slice(&sum[..4]);
    bs58::encode(bytes).into_string()
}

/// One for each network and spelling, those that are published among them.
fn good() -> Vec<(String, String)> {
    let hash = core::array::from_fn(|place| u8::try_from(place * 11).unwrap());
    let hrp = bech32::Hrp::parse("cosmos").unwrap();
    let mut all: Vec<(String, String)> =
        PUBLISHED.iter().map(|(ticker, address)| ((*ticker).to_owned(), (*address).to_owned())).collect();
    for (ticker, version) in [
        ("ltc", &[0x30_u8][..]),
        ("ltc", &[0x32]),
        ("doge", &[0x16]),
        ("dash", &[0x4c]),
        ("dash", &[0x10]),
        ("zec", &[0x1c, 0xb8]),
        ("zec", &[0x1c, 0xbd]),
    ] {
        all.push((ticker.to_owned(), base58check(version, hash)));
    }
    all.push(("atom".to_owned(), bech32::encode::<Bech32>(hrp, &hash).unwrap()));
    all
}

#[test]
fn s01_published_addresses_are_taken_as_they_are() {
    for (ticker, address) in good() {
        let taken = payout(&ticker, &format!("  {address}\n"));
        assert_eq!(taken.as_ref().map(|payout| payout.address.as_str()), Ok(address.as_str()), "{ticker}");
        assert_eq!(taken.as_ref().unwrap().checked(), taken, "{ticker}: what is kept is taken again");
    }
    let networks: std::collections::BTreeSet<_> =
        good().iter().filter_map(|(ticker, _)| Network::of(&currency(ticker))).collect();
    assert_eq!(networks.len(), Network::ALL.len(), "every network has an address here");
}

#[test]
fn s01_every_single_wrong_character_is_noticed() {
    for (ticker, address) in good() {
        // Solana's addresses have no checksum.
        if Network::of(&currency(&ticker)) == Some(Network::Solana) {
            continue;
        }
        let body = address.find(':').map_or(0, |colon| colon + 1);
        for place in body..address.len() {
            for other in ['2', '3', 'q', 'z', 'A', 'B'] {
                let mut wrong: Vec<char> = address.chars().collect();
                if wrong[place].eq_ignore_ascii_case(&other) {
                    continue;
                }
                wrong[place] = other;
                let wrong: String = wrong.into_iter().collect();
                assert!(payout(&ticker, &wrong).is_err(), "{ticker}: {wrong}");
            }
        }
        for cut in [1, 2, 5] {
            assert!(payout(&ticker, &address[..address.len() - cut]).is_err(), "{ticker}: cut by {cut}");
            assert!(payout(&ticker, &address[cut..]).is_err(), "{ticker}: cut by {cut} in front");
        }
        assert!(payout(&ticker, &format!("{address}{address}")).is_err(), "{ticker}: pasted twice");
        assert!(payout(&ticker, &format!("{address} {address}")).is_err(), "{ticker}: pasted twice");
    }
}

#[test]
fn s01_an_address_of_another_network_is_named() {
    let good = good();
    for (ticker, address) in &good {
        let own = Network::of(&currency(ticker)).unwrap();
        for (other, _) in &good {
            let network = Network::of(&currency(other)).unwrap();
            if network == own {
                continue;
            }
            let refused = payout(other, address).unwrap_err();
            let want = AddressError::OtherNetwork { currency: currency(other), network, found: own };
            assert_eq!(refused, want, "{address} for {other}");
        }
    }
}

#[test]
fn the_case_of_an_ethereum_address_is_its_checksum() {
    let address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    for plain in [address.to_lowercase(), format!("0x{}", address[2..].to_uppercase())] {
        assert_eq!(payout("eth", &plain).unwrap().address, address, "no checksum: kept with one");
    }
    assert_eq!(payout("eth", "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Err(AddressError::Checksum));
    let zero = format!("0x{}", "0".repeat(40));
    for bad in [zero.as_str(), &address[2..], "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "vitalik.eth"] {
        assert_eq!(payout("eth", bad), Err(AddressError::Form { network: Network::Ethereum }), "{bad}");
    }
}

#[test]
fn spellings_that_mean_the_same_are_kept_as_one() {
    let upper = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4";
    assert_eq!(payout("btc", upper).unwrap().address, upper.to_lowercase());
    let mixed = "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    assert_eq!(payout("btc", mixed), Err(AddressError::Form { network: Network::Bitcoin }));
    let bare = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a";
    assert_eq!(payout("bch", bare).unwrap().address, format!("bitcoincash:{bare}"));
    let (url, plain) = (
        "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2",
        "EQDtFpEwcFAEcRe5mLVh2N6C0x+/hJEM7W61/JLnSF74p4q2",
    );
    assert_eq!(payout("ton", plain).unwrap().address, url);
}

#[test]
fn a_coin_that_cannot_be_checked_is_refused() {
    for ticker in ["nocoin", "dot", "usd", "usdt"] {
        let refused = payout(ticker, "anything").unwrap_err();
        assert_eq!(refused, AddressError::UnknownCoin { currency: currency(ticker) });
    }
}

#[test]
fn a_memo_has_the_form_of_its_network_or_none() {
    let with =
        |ticker, address, memo: &str| Payout::new(currency(ticker), address, Some(memo)).map(|one| one.memo);
    let xrp = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh";
    assert_eq!(with("xrp", xrp, " 4294967295 "), Ok(Some("4294967295".to_owned())));
    assert_eq!(with("xrp", xrp, ""), Ok(None));
    for bad in ["4294967296", "-1", "+1", "tag", "1.0"] {
        assert_eq!(with("xrp", xrp, bad), Err(AddressError::Memo { network: Network::Ripple }), "{bad}");
    }
    let xlm = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
    assert!(with("xlm", xlm, &"x".repeat(28)).is_ok());
    assert!(with("xlm", xlm, &"x".repeat(29)).is_err());
    let eth = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    assert_eq!(with("eth", eth, "7"), Err(AddressError::NoMemo { network: Network::Ethereum }));
}

proptest! {
    #[test]
    fn nothing_that_is_typed_breaks_a_check(text in ".{0,200}", place in 0_usize..Network::ALL.len()) {
        let _ = check(Network::ALL[place], &text);
    }

    #[test]
    fn nothing_in_the_digits_of_an_address_breaks_a_check(text in "[1-9A-HJ-NP-Za-km-z]{1,120}", place in 0_usize..Network::ALL.len()) {
        let _ = check(Network::ALL[place], &text);
    }
}
