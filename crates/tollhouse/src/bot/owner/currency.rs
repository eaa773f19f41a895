//! What a price is in: the money of a country, or a coin.

use tollhouse_core::money::Currency;
use tollhouse_core::payout::Network;

use crate::coins::Coin;

/// Money that is in use, by the codes of ISO 4217: without funds, metals and what is for tests. The provider's documents name no list, and
/// a code that it does not take is rare, while a word that is no code is not.
const FIAT: [&str; 155] = [
    "aed", "afn", "all", "amd", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bhd", "bif",
    "bmd", "bnd", "bob", "brl", "bsd", "btn", "bwp", "byn", "bzd", "cad", "cdf", "chf", "clp", "cny", "cop",
    "crc", "cup", "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "ern", "etb", "eur", "fjd", "fkp", "gbp",
    "gel", "ghs", "gip", "gmd", "gnf", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "iqd",
    "irr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr", "kmf", "kpw", "krw", "kwd", "kyd", "kzt", "lak",
    "lbp", "lkr", "lrd", "lsl", "lyd", "mad", "mdl", "mga", "mkd", "mmk", "mnt", "mop", "mru", "mur", "mvr",
    "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "omr", "pab", "pen", "pgk", "php",
    "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub", "rwf", "sar", "sbd", "scr", "sdg", "sek", "sgd", "shp",
    "sle", "sos", "srd", "ssp", "stn", "svc", "syp", "szl", "thb", "tjs", "tmt", "tnd", "top", "try", "ttd",
    "twd", "tzs", "uah", "ugx", "usd", "uyu", "uzs", "ves", "vnd", "vuv", "wst", "xaf", "xcd", "xcg", "xof",
    "xpf", "yer", "zar", "zmw", "zwg",
];

/// What people write instead of a code, in the bot's languages. A word that several countries use stands here only where one of them is
/// meant as a rule.
const WORDS: [(&str, &[&str]); 6] = [
    (
        "usd",
        &[
            "$",
            "us$",
            "dollar",
            "dollars",
            "доллар",
            "доллара",
            "долларов",
            "dólar",
            "dólares",
            "dolar",
            "dolares",
        ],
    ),
    ("eur", &["€", "euro", "euros", "евро"]),
    ("gbp", &["£", "pound", "pounds", "фунт", "фунта", "фунтов", "libra", "libras"]),
    (
        "rub",
        &[
            "₽",
            "ruble",
            "rubles",
            "rouble",
            "roubles",
            "рубль",
            "рубля",
            "рублей",
            "руб",
            "р",
            "rublo",
            "rublos",
        ],
    ),
    ("uah", &["₴", "hryvnia", "hryvnias", "гривна", "гривны", "гривен", "грн", "grivna", "grivnas"]),
    ("inr", &["₹"]),
];

/// The currency that a word names; nothing for a word that nobody knows: the provider would refuse the first buyer's invoice. `listed`: the
/// coins that the provider has named.
#[must_use]
pub fn named(word: &str, listed: &[Coin]) -> Option<Currency> {
    let word = word.trim_end_matches('.').to_lowercase();
    let code =
        WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map_or(&*word, |(code, _)| code);
    let currency = Currency::new(code).ok()?;
    let is_coin = || Network::of(&currency).is_some() || listed.iter().any(|coin| coin.code == currency);
    (is_fiat(&currency) || is_coin()).then_some(currency)
}

/// Whether it is the money of a country.
fn is_fiat(currency: &Currency) -> bool {
    FIAT.binary_search(&currency.as_str()).is_ok()
}

/// Whether prices in it have cents, and thousands that people mark: a country's money, and the coins that are worth a dollar.
#[must_use]
pub fn has_cents(currency: &Currency) -> bool {
    is_fiat(currency) || currency.as_str().starts_with("usd")
}

#[cfg(test)]
mod tests {
    use tollhouse_core::order::Checkout;

    use super::*;

    #[test]
    fn a_word_names_a_currency_or_none() {
        let listed = [crate::coins::by_code(&Currency::new("hypecoin").unwrap(), &[], &Checkout::default())];
        for (word, code) in [
            ("USD", "usd"),
            ("US$", "usd"),
            ("Dollars", "usd"),
            ("долларов", "usd"),
            ("dólares", "usd"),
            ("euros", "eur"),
            ("Евро", "eur"),
            ("руб.", "rub"),
            ("р.", "rub"),
            ("рублей", "rub"),
            ("pln", "pln"),
            ("BTC", "btc"),
            ("usdttrc20", "usdttrc20"),
            ("HypeCoin", "hypecoin"),
        ] {
            assert_eq!(named(word, &listed).map(String::from).as_deref(), Some(code), "{word}");
        }
        for word in ["", ".", "moons", "usdt", "pesos", "bucks", "xau", "xxx", "usd eur"] {
            assert_eq!(named(word, &listed), None, "{word}");
        }
        assert_eq!(named("hypecoin", &[]), None, "only what was named by the provider");
    }

    #[test]
    fn the_codes_are_in_order_so_that_each_is_found() {
        assert!(FIAT.is_sorted_by(|one, next| one < next));
        for (code, _) in WORDS {
            assert!(is_fiat(&Currency::new(code).unwrap()), "{code}");
        }
    }
}
