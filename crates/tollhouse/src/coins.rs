//! Which coins a buyer can pay with, and what each is called. The provider's list is asked for now and then and kept; a page never waits for it
//! longer than `FIRST_LIST_MS_MAX`, and then only when there is none yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tollhouse_core::money::Currency;
use tollhouse_core::order::{Checkout, CoinWords};

use crate::app::App;

/// How long a list is good, in seconds: a coin that the owner switches on or off shows within minutes.
const FRESH_SECONDS: u64 = 600;
/// How long after a failure the provider is left alone, in seconds.
const AFTER_FAILURE_SECONDS: u64 = 15;
/// How long the first page waits for the first list, in milliseconds; without one it offers the hosted page.
const FIRST_LIST_MS_MAX: u64 = 1_500;

/// Longest name of a coin or network that is taken over from the provider, in characters. Its longest today has some thirty.
const WORDS_LENGTH_MAX: usize = 64;

/// A coin as a buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coin {
    /// The provider's ticker, network included.
    pub code: Currency,
    /// What people call it: `Tether USD`.
    pub name: String,
    /// What stands behind an amount: `USDT`.
    pub ticker: String,
    /// The network in words: `Tron (TRC20)`.
    pub network: String,
    /// Whether the provider says that a memo or tag must go with a payment.
    pub has_memo: bool,
}

impl Coin {
    /// What is kept with an order.
    #[must_use]
    pub fn words(&self) -> CoinWords {
        CoinWords { name: self.name.clone(), ticker: self.ticker.clone(), network: self.network.clone() }
    }
}

/// The provider's list, as it was last given.
#[derive(Debug, Default)]
pub struct CoinList {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    coins: Arc<Vec<Coin>>,
    asked: Option<Instant>,
    is_good: bool,
    is_asking: bool,
}

impl CoinList {
    /// The coins to offer, the best known first. May be empty: no provider, or no list yet.
    pub async fn offered(app: &Arc<App>) -> Arc<Vec<Coin>> {
        let (has_none, asks) = {
            let mut state = app.coins.lock();
            let good_for = if state.is_good { FRESH_SECONDS } else { AFTER_FAILURE_SECONDS };
            let is_stale = state.asked.is_none_or(|asked| asked.elapsed() >= Duration::from_secs(good_for));
            let asks = is_stale && !state.is_asking && app.provider.is_some();
            state.is_asking |= asks;
            (state.coins.is_empty() && !state.is_good, asks)
        };
        if asks {
            let asking = tokio::spawn(ask(Arc::clone(app)));
            if has_none {
                // Not in time is no harm: the task goes on and the next page has it.
                let _ = tokio::time::timeout(Duration::from_millis(FIRST_LIST_MS_MAX), asking).await;
            }
        }
        Arc::clone(&app.coins.lock().coins)
    }

    /// The coins as they were last given, whoever asked for them; none if nobody has.
    #[must_use]
    pub fn known(&self) -> Arc<Vec<Coin>> {
        Arc::clone(&self.lock().coins)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(app: Arc<App>) {
    let answer = match &app.provider {
        Some(provider) => provider.coins().await,
        None => return,
    };
    let mut state = app.coins.lock();
    state.asked = Some(Instant::now());
    state.is_asking = false;
    state.is_good = answer.is_ok();
    match answer {
        Ok(list) => state.coins = Arc::new(arranged(&list)),
        // The last list goes on being good: a coin that is off by now is refused by the provider, and the page says so.
        Err(error) => tracing::warn!(%error, "the provider did not say which coins it takes"),
    }
}

fn arranged(list: &[nowpayments::client::Currency]) -> Vec<Coin> {
    let mut coins: Vec<Coin> = list.iter().filter_map(described).collect();
    let rank =
        |coin: &Coin| POPULAR.iter().position(|code| *code == coin.code.as_str()).unwrap_or(POPULAR.len());
    coins.sort_by_cached_key(|coin| (rank(coin), coin.name.clone(), coin.network.clone()));
    coins
}

fn described(said: &nowpayments::client::Currency) -> Option<Coin> {
    let code = Currency::new(&said.code).ok()?;
    let chain = short(said.network.as_deref()?).to_ascii_lowercase();
    let (ticker, is_token) = ticker(code.as_str(), &chain);
    let said_name = short(said.name.as_deref().unwrap_or("").split('(').next().unwrap_or("").trim());
    let name = if said_name.is_empty() { ticker.clone() } else { said_name };
    Some(Coin { name, ticker, network: network(&chain, is_token), has_memo: said.has_extra_id, code })
}

/// As much of the provider's words as is shown, and kept with each order that chooses the coin.
fn short(words: &str) -> String {
    words.chars().take(WORDS_LENGTH_MAX).collect()
}

/// A coin that may not be in the list: it was chosen when another one was good, and is called as it was then. Of one that nobody has
/// described the code is all that is known, and its network is empty.
#[must_use]
pub fn by_code(code: &Currency, coins: &[Coin], checkout: &Checkout) -> Coin {
    if let Some(coin) = coins.iter().find(|coin| coin.code == *code) {
        return coin.clone();
    }
    let CoinWords { name, ticker, network } = checkout.words.get(code).cloned().unwrap_or_else(|| {
        let ticker = code.as_str().to_uppercase();
        CoinWords { name: ticker.clone(), ticker, network: String::new() }
    });
    Coin { code: code.clone(), name, ticker, network, has_memo: false }
}

/// Those that most people look for, in the order in which they are offered.
const POPULAR: [&str; 16] = [
    "usdttrc20",
    "btc",
    "eth",
    "usdterc20",
    "ltc",
    "trx",
    "ton",
    "sol",
    "usdcerc20",
    "usdc",
    "usdtbsc",
    "bnbbsc",
    "xmr",
    "doge",
    "xrp",
    "usdtton",
];

/// Endings by which the provider's tickers name a network.
const ENDINGS: [(&str, &str); 13] = [
    ("trc20", "trx"),
    ("erc20", "eth"),
    ("bsc", "bsc"),
    ("matic", "matic"),
    ("mainnet", ""),
    ("arb", "arbitrum"),
    ("arbitrum", "arbitrum"),
    ("op", "op"),
    ("base", "base"),
    ("sol", "sol"),
    ("ton", "ton"),
    ("algo", "algo"),
    ("avaxc", "avaxc"),
];

/// What stands behind an amount, and whether it lives on somebody else's network.
fn ticker(code: &str, chain: &str) -> (String, bool) {
    let ending = ENDINGS.iter().find_map(|(ending, of)| {
        let base = code.strip_suffix(ending)?;
        // "sol" on "sol" is the coin itself; an ending only names the network that the provider names too.
        (!base.is_empty() && (of.is_empty() || *of == chain)).then_some(base)
    });
    let base = ending.unwrap_or(code);
    let is_token = base != chain && !OWN_COINS.contains(&(base, chain));
    (base.to_uppercase(), is_token)
}

/// Coins that are at home on a network of another name.
const OWN_COINS: [(&str, &str); 6] = [
    ("bnb", "bsc"),
    ("eth", "arbitrum"),
    ("eth", "op"),
    ("eth", "base"),
    ("pol", "matic"),
    ("avax", "avaxc"),
];

/// Networks in words: the chain, its name, and what wallets call its tokens.
const NETWORKS: [(&str, &str, &str); 26] = [
    ("btc", "Bitcoin", ""),
    ("eth", "Ethereum", "ERC20"),
    ("trx", "Tron", "TRC20"),
    ("bsc", "BNB Smart Chain", "BEP20"),
    ("ltc", "Litecoin", ""),
    ("sol", "Solana", "SPL"),
    ("ton", "TON", "Jetton"),
    ("matic", "Polygon", "ERC20"),
    ("xrp", "XRP Ledger", ""),
    ("xlm", "Stellar", ""),
    ("xmr", "Monero", ""),
    ("doge", "Dogecoin", ""),
    ("ada", "Cardano", ""),
    ("dot", "Polkadot", ""),
    ("bch", "Bitcoin Cash", ""),
    ("dash", "Dash", ""),
    ("zec", "Zcash", ""),
    ("etc", "Ethereum Classic", ""),
    ("arbitrum", "Arbitrum One", "ERC20"),
    ("op", "Optimism", "ERC20"),
    ("base", "Base", "ERC20"),
    ("avaxc", "Avalanche C-Chain", "ERC20"),
    ("algo", "Algorand", "ASA"),
    ("near", "NEAR", ""),
    ("atom", "Cosmos", ""),
    ("eos", "EOS", ""),
];

fn network(chain: &str, is_token: bool) -> String {
    match NETWORKS.iter().find(|(code, ..)| *code == chain) {
        Some((_, name, standard)) if is_token && !standard.is_empty() => format!("{name} ({standard})"),
        Some((_, name, _)) => (*name).to_owned(),
        None => chain.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(code: &str, name: &str, network: &str) -> Coin {
        described(&nowpayments::client::Currency {
            code: code.to_owned(),
            name: Some(name.to_owned()),
            network: Some(network.to_owned()),
            is_enabled: true,
            has_extra_id: false,
            wallet_regex: None,
        })
        .unwrap()
    }

    #[test]
    fn a_buyer_reads_the_coin_and_its_network_in_words() {
        for (code, name, chain, ticker, network) in [
            ("btc", "Bitcoin", "btc", "BTC", "Bitcoin"),
            ("usdttrc20", "Tether USD (Tron)", "trx", "USDT", "Tron (TRC20)"),
            ("usdterc20", "Tether USD (Ethereum)", "eth", "USDT", "Ethereum (ERC20)"),
            ("usdtbsc", "Tether USD", "bsc", "USDT", "BNB Smart Chain (BEP20)"),
            ("usdc", "USD Coin", "eth", "USDC", "Ethereum (ERC20)"),
            ("bnbbsc", "BNB", "bsc", "BNB", "BNB Smart Chain"),
            ("ethbase", "Ethereum", "base", "ETH", "Base"),
            ("sol", "Solana", "sol", "SOL", "Solana"),
            ("usdtton", "Tether USD", "ton", "USDT", "TON (Jetton)"),
            ("ton", "Toncoin", "ton", "TON", "TON"),
            ("op", "Optimism", "op", "OP", "Optimism"),
            ("newcoin", "", "zyx", "NEWCOIN", "ZYX"),
        ] {
            let coin = coin(code, name, chain);
            assert_eq!((coin.ticker.as_str(), coin.network.as_str()), (ticker, network), "{code}");
            assert!(!coin.name.is_empty() && !coin.name.contains('('), "{}", coin.name);
        }
    }
}
