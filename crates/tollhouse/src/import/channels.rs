//! Channel pairs: what each row of `main_clients_database` becomes, and which channel a chat id of another table means.

use std::collections::HashMap;

use tollhouse_core::channel::{Channel, Payout, PlanDuration, TITLE_LENGTH_MAX};
use tollhouse_core::command::NewPlan;
use tollhouse_core::id::{PrivateChatId, PublicChatId};
use tollhouse_core::import::{ImportChannel, Origin};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::policy::Policies;
use tollhouse_store::paygateprime::{ClientRow, SourceRow};

use super::finding::{Finding, Why};
use super::text;

const TABLE: &str = ClientRow::TABLE;
/// Longest wallet address that is taken, in characters. The longest in use have about 110.
const ADDRESS_LENGTH_MAX: usize = 200;

/// Which channel a chat id means: one that is here, or one of the predecessor's.
#[derive(Debug, Default)]
pub struct Directory {
    /// With the open channel that it has here, else that of the first row.
    closed: HashMap<i64, (PrivateChatId, Option<i64>)>,
    open: HashMap<i64, PrivateChatId>,
}

impl Directory {
    /// One that knows the channels that are here. They come before every row: somebody may have registered what the predecessor does not
    /// have any more, or has only half, and which of two pairs is the right one.
    pub fn knowing(channels: &[Channel]) -> Self {
        let mut directory = Self::default();
        for channel in channels {
            directory.note(channel.private_chat, channel.public_chat.map(PublicChatId::get));
        }
        directory
    }

    /// Notes a pair, whether or not it could be registered here: its members' rows mean it in any case. Gives the other open channel by which
    /// the same chat is offered here, or by an earlier row.
    fn note(&mut self, private_chat: PrivateChatId, public_chat: Option<i64>) -> Option<i64> {
        let (_, first) = self.closed.entry(private_chat.get()).or_insert((private_chat, public_chat));
        if let Some(chat) = public_chat {
            self.open.entry(chat).or_insert(private_chat);
        }
        let other = first.filter(|first| public_chat != Some(*first));
        *first = first.or(public_chat);
        other
    }

    /// The chat that is sold in an open channel.
    fn sold_in(&self, open: i64) -> Option<PrivateChatId> {
        self.open.get(&open).copied()
    }

    /// The chat that is sold, and whether it was named by its open channel. What is a closed channel is one, whatever else it is.
    pub fn find(&self, chat: i64) -> Option<(PrivateChatId, bool)> {
        let closed = self.closed.get(&chat).map(|(private_chat, _)| (*private_chat, false));
        closed.or_else(|| self.sold_in(chat).map(|private_chat| (private_chat, true)))
    }
}

/// What a row becomes.
#[derive(Debug)]
pub struct Mapped {
    /// The row.
    pub key: String,
    /// The channel; none if there is no chat to sell.
    pub channel: Option<ImportChannel>,
    /// What a person should know.
    pub notes: Vec<Finding>,
}

/// Understands a row.
pub fn understand(row: &ClientRow, actor: &str, policies: &Policies, directory: &mut Directory) -> Mapped {
    let key = format!("open_channel_id={}", row.open_channel_id.as_deref().unwrap_or("null").trim());
    let mut notes = Vec::new();
    let mut note = |why, detail: String| notes.push(Finding::new(TABLE, &key, why, detail));
    let open = text::chat(row.open_channel_id.as_ref());
    let closed = text::chat(row.closed_channel_id.as_ref()).and_then(|chat| PrivateChatId::new(chat).ok());
    // What is missing there may have been registered here since.
    let Some(private_chat) = closed.or_else(|| directory.sold_in(open?)) else {
        note(Why::NoPrivateChat, text::shown("closed_channel_id", row.closed_channel_id.as_ref()));
        return Mapped { key, channel: None, notes };
    };
    if let Some(other) = directory.note(private_chat, open) {
        note(Why::SecondOffer, format!("{private_chat} is offered through {other}"));
        return Mapped { key, channel: None, notes };
    }
    let public_chat =
        open.filter(|chat| *chat != private_chat.get()).and_then(|chat| PublicChatId::new(chat).ok());
    if public_chat.is_none() {
        note(Why::NoPublicChat, text::shown("open_channel_id", row.open_channel_id.as_ref()));
    }
    let mut plans = Vec::new();
    for (number, price, days) in tiers(row) {
        match plan(number, price, days, &plans) {
            Ok(Some(plan)) => plans.push(plan),
            Ok(None) => {}
            Err(detail) => note(Why::PlanLeftOut, detail),
        }
    }
    if plans.is_empty() {
        note(Why::NoPlan, String::new());
    }
    let owner = text::user(row.notification_id.as_ref()).or_else(|| text::user(row.client_id.as_ref()));
    if owner.is_none() {
        note(Why::NoOwner, text::shown("notification_id", row.notification_id.as_ref()));
    }
    let payout = match payout(row) {
        Ok(payout) => payout,
        Err(detail) => {
            note(Why::NoPayout, detail);
            None
        }
    };
    let channel = ImportChannel {
        private_chat,
        public_chat,
        title: title(row, private_chat),
        owner,
        payout,
        plans,
        policies: policies.clone(),
        origin: Origin { actor: actor.to_owned(), row: format!("{TABLE} {key}") },
    };
    Mapped { key, channel: Some(channel), notes }
}

type Tier<'r> = (u8, Option<&'r String>, Option<&'r String>);

fn tiers(row: &ClientRow) -> [Tier<'_>; 3] {
    [
        (1, row.sub_1_price.as_ref(), row.sub_1_time.as_ref()),
        (2, row.sub_2_price.as_ref(), row.sub_2_time.as_ref()),
        (3, row.sub_3_price.as_ref(), row.sub_3_time.as_ref()),
    ]
}

/// A plan; none where the owner used fewer than three. A price of nothing, or no days (F40), cannot be sold.
fn plan(
    number: u8,
    price: Option<&String>,
    days: Option<&String>,
    before: &[NewPlan],
) -> Result<Option<NewPlan>, String> {
    let detail = || {
        let (price, days) = (price.map_or("null", String::as_str), days.map_or("null", String::as_str));
        format!("sub_{number}_price {price:?}, sub_{number}_time {days:?}")
    };
    let money = text::said(price).and_then(text::dollars);
    let is_unused = text::said(price).is_none() || money.as_ref().is_some_and(|money| money.amount.is_zero());
    if is_unused && text::days(days).unwrap_or(0) == 0 {
        return Ok(None);
    }
    let money = money.filter(|money| !money.amount.is_zero()).ok_or_else(detail)?;
    let duration = text::days(days).ok_or_else(detail)?;
    let duration = PlanDuration::days(duration).map_err(|_| detail())?;
    let is_same = |plan: &NewPlan| plan.duration == duration && plan.price.same_as(&money);
    if before.iter().any(is_same) {
        return Ok(None);
    }
    Ok(Some(NewPlan { label: label(number, duration, before), price: money, duration }))
}

/// What a buyer reads: the days, since the predecessor's plans have no names.
fn label(number: u8, duration: PlanDuration, before: &[NewPlan]) -> String {
    let label = duration.to_string();
    if before.iter().any(|plan| plan.label == label) { format!("{label}, offer {number}") } else { label }
}

fn title(row: &ClientRow, private_chat: PrivateChatId) -> String {
    let said =
        text::said(row.closed_channel_title.as_ref()).or_else(|| text::said(row.open_channel_title.as_ref()));
    let plain = said
        .map(|title| title.chars().filter(|c| !c.is_control()).take(TITLE_LENGTH_MAX).collect::<String>());
    let plain = plain.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    plain.unwrap_or_else(|| format!("Channel {private_chat}"))
}

/// The wallet; none where there is none. A coin on the wrong network loses the money, so nothing is guessed.
fn payout(row: &ClientRow) -> Result<Option<Payout>, String> {
    let Some(address) = text::said(row.client_wallet_address.as_ref()) else { return Ok(None) };
    let (coin, network) = (row.client_payout_currency.as_ref(), row.client_payout_network.as_ref());
    let detail = || {
        format!(
            "{}, {}",
            text::shown("client_payout_currency", coin),
            text::shown("client_payout_network", network)
        )
    };
    let fits = address.chars().count() <= ADDRESS_LENGTH_MAX && !address.contains(char::is_whitespace);
    let ticker = ticker(text::said(coin).unwrap_or_default(), text::said(network).unwrap_or_default());
    match ticker.filter(|_| fits).and_then(|ticker| Currency::new(&ticker).ok()) {
        // The predecessor took whatever was typed (S01).
        Some(currency) => {
            Payout::new(currency, address, None).map(Some).map_err(|error| format!("{}: {error}", detail()))
        }
        None => Err(detail()),
    }
}

/// NOWPayments' ticker of a coin on a network; none where it is not certain.
fn ticker(coin: &str, network: &str) -> Option<String> {
    let (coin, network) = (coin.to_lowercase(), network.to_lowercase());
    if coin.is_empty() {
        return None;
    }
    let of_tokens = |tokens: &[(&str, &str)]| {
        tokens.iter().find(|(known, _)| *known == network).map(|(_, ticker)| (*ticker).to_owned())
    };
    match coin.as_str() {
        "usdt" => of_tokens(&[
            ("trx", "usdttrc20"),
            ("trc20", "usdttrc20"),
            ("tron", "usdttrc20"),
            ("eth", "usdterc20"),
            ("erc20", "usdterc20"),
            ("ethereum", "usdterc20"),
            ("bsc", "usdtbsc"),
            ("bep20", "usdtbsc"),
            ("sol", "usdtsol"),
            ("matic", "usdtmatic"),
            ("polygon", "usdtmatic"),
        ]),
        "usdc" => of_tokens(&[
            ("eth", "usdc"),
            ("erc20", "usdc"),
            ("ethereum", "usdc"),
            ("sol", "usdcsol"),
            ("bsc", "usdcbsc"),
            ("matic", "usdcmatic"),
            ("polygon", "usdcmatic"),
        ]),
        _ if network.is_empty() || network == coin => Some(coin),
        // Already NOWPayments' own ticker, its network in it.
        _ if coin.len() > network.len() && coin.ends_with(&network) => Some(coin),
        _ => None,
    }
}

/// A price as the member's row has it.
pub fn price_of(text: Option<&String>) -> Option<Money> {
    text::said(text).and_then(text::dollars).filter(|money| !money.amount.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ClientRow {
        let some = |text: &str| Some(text.to_owned());
        ClientRow {
            open_channel_id: some("-1003016667267"),
            closed_channel_id: some("-1003202734748"),
            closed_channel_title: some(" Signals\u{7} "),
            sub_1_price: some("$5.00"),
            sub_1_time: some("30"),
            sub_2_price: some("0"),
            sub_2_time: some("0"),
            sub_3_price: some("12,50"),
            sub_3_time: some("0"),
            client_id: some("8f7b9d1e-0000-4000-8000-000000000001"),
            client_wallet_address: some("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
            client_payout_currency: some("USDT"),
            client_payout_network: some("TRX"),
            ..ClientRow::default()
        }
    }

    #[test]
    fn f40_a_tier_without_days_is_reported_and_an_unused_one_is_not() {
        let mut directory = Directory::default();
        let mapped = understand(&row(), "cli:test", &Policies::default(), &mut directory);
        let channel = mapped.channel.unwrap();
        assert_eq!(channel.title, "Signals");
        let plans: Vec<String> =
            channel.plans.iter().map(|plan| format!("{}={}", plan.label, plan.price)).collect();
        assert_eq!(plans, ["30 days=5.00 USD"]);
        assert_eq!(channel.payout.unwrap().currency.as_str(), "usdttrc20");
        let whys: Vec<&str> = mapped.notes.iter().map(|note| note.reason).collect();
        assert_eq!(whys, ["plan_left_out", "no_owner"]);
    }

    #[test]
    fn f64_a_chat_id_means_the_closed_channel_first() {
        let mut directory = Directory::default();
        understand(&row(), "cli:test", &Policies::default(), &mut directory);
        let other = ClientRow {
            open_channel_id: Some("-1003202734748".to_owned()),
            closed_channel_id: Some("-1009".to_owned()),
            ..ClientRow::default()
        };
        understand(&other, "cli:test", &Policies::default(), &mut directory);
        let found = |chat| directory.find(chat).map(|(chat, by_open)| (chat.get(), by_open));
        assert_eq!(found(-1_003_202_734_748), Some((-1_003_202_734_748, false)));
        assert_eq!(found(-1_003_016_667_267), Some((-1_003_202_734_748, true)));
        assert_eq!(found(-7), None);
    }

    #[test]
    fn a_coin_without_a_certain_network_is_not_guessed() {
        for (coin, network, want) in [
            ("BTC", "BTC", Some("btc")),
            ("eth", "", Some("eth")),
            ("USDT", "ETH", Some("usdterc20")),
            ("USDT", "", None),
            ("USDT", "LN", None),
            ("SHIB", "ETH", None),
            ("usdttrc20", "trc20", Some("usdttrc20")),
            ("", "ETH", None),
        ] {
            assert_eq!(ticker(coin, network).as_deref(), want, "{coin} on {network}");
        }
    }
}
