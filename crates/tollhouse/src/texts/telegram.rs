//! The bot's messages that have a choice in them; those that have none are methods of [`Language`] as they are.

use jiff::Timestamp;
use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::id::ChannelId;
use tollhouse_core::job::OwnerNotice;
use tollhouse_core::money::Money;
use tollhouse_core::payout::Payout;
use tollhouse_telegram::{Html, Keyboard};

use super::Language;
use crate::bot::owner::press::Press;

/// The message that brings access; `leaves_at`: when they are shown out, if the end has come.
#[must_use]
pub fn access(
    language: Language,
    title: &str,
    ends_at: Option<Timestamp>,
    leaves_at: Option<Timestamp>,
    inside: bool,
) -> Html {
    let until = language.until(ends_at);
    match (leaves_at, inside) {
        (Some(leaves_at), true) => language.reminder_over(title, language.instant(leaves_at)),
        (Some(leaves_at), false) => language.access_link_over(title, language.instant(leaves_at)),
        (None, true) => language.access_longer(title, until),
        (None, false) => language.access_link(title, until),
    }
}

/// The words on the button below it.
#[must_use]
pub fn access_button(language: Language, inside: bool) -> String {
    if inside { language.button_open_channel() } else { language.button_join() }
}

/// A reminder of the end; `leaves_at` if that has come.
#[must_use]
pub fn reminder(language: Language, title: &str, ends_at: Timestamp, leaves_at: Option<Timestamp>) -> Html {
    match leaves_at {
        None => language.reminder(title, language.instant(ends_at)),
        Some(leaves_at) => language.reminder_over(title, language.instant(leaves_at)),
    }
}

/// What a member is told who was shown out; `returns` if there is a way back.
#[must_use]
pub fn farewell(language: Language, title: &str, returns: bool) -> Html {
    if returns { language.farewell_back(title) } else { language.farewell(title) }
}

/// What is said to somebody whose join request is declined.
#[must_use]
pub fn declined(language: Language, title: &str) -> Html {
    language.join_declined(title)
}

/// What the bot answers to a bare /start.
#[must_use]
pub fn hello(language: Language) -> Html {
    language.hello()
}

/// What the bot answers to a claim.
#[must_use]
pub fn claimed(language: Language) -> Html {
    language.order_claimed()
}

/// How much of an item's detail goes into a message, in characters: all of it as a rule, and never more than a message holds.
const DETAIL_CHARS_MAX: usize = 1_000;

/// What owner and operators are told; without a title it is about no channel.
#[must_use]
pub fn owner(language: Language, title: Option<&str>, notice: &OwnerNotice) -> Html {
    let nameless;
    let title = match title {
        Some(title) => title,
        None => {
            nameless = language.no_channel_title();
            &nameless
        }
    };
    match notice {
        OwnerNotice::Sale { order_id, price, user, renewal } => {
            let buyer = match user {
                Some(user) => language.buyer_account(user.to_string()),
                None => language.buyer_unknown(),
            };
            let (price, order) = (language.money(price), order_id.to_string());
            if *renewal {
                language.owner_renewed(title, price, buyer, order)
            } else {
                language.owner_sold(title, price, buyer, order)
            }
        }
        OwnerNotice::PartialPayment { order_id, remaining } => {
            let rest =
                remaining.as_ref().map_or_else(|| language.rest_unknown(), |rest| language.money(rest));
            language.owner_part_paid(title, rest, order_id.to_string())
        }
        OwnerNotice::Refund { order_id, price, kept } => {
            let (price, order) = (language.money(price), order_id.to_string());
            if *kept {
                language.owner_refunded_kept(title, price, order)
            } else {
                language.owner_refunded(title, price, order)
            }
        }
        OwnerNotice::RightsLost { chat, missing } => {
            language.owner_rights_lost(title, chat, rights(language, missing))
        }
        OwnerNotice::RightsBack { chat } => language.owner_rights_back(title, chat),
        OwnerNotice::PayoutChange { payout, counts_at } => {
            let (address, coin) = (wallet(payout), payout.currency.as_str().to_uppercase());
            language.owner_payout_change(title, address, coin, language.instant(*counts_at))
        }
        OwnerNotice::PayoutChanged { payout } => {
            language.owner_payout_changed(title, wallet(payout), payout.currency.as_str().to_uppercase())
        }
        OwnerNotice::ChannelGiven => language.owner_channel_given(title),
        OwnerNotice::ChannelTaken => language.owner_channel_taken(title),
        OwnerNotice::PayoutKept { payout } => language.owner_payout_kept(title, wallet(payout)),
        OwnerNotice::Donation { order_id, price, received, whole, more, user, message } => {
            let donor = match user {
                Some(user) => language.donor_account(user.to_string()),
                None => language.donor_unknown(),
            };
            let (price, order) = (language.money(price), order_id.to_string());
            let sums: Vec<String> = received.iter().map(|money| language.money(money)).collect();
            let sum = sums.join(" + ");
            let mut text = match (*more, *whole || received.is_empty()) {
                (true, _) if !received.is_empty() => {
                    language.owner_donated_more(title, price, donor, order, sum)
                }
                (_, true) => language.owner_donated(title, price, donor, order),
                (_, false) => language.owner_donated_part(title, price, donor, order, sum),
            };
            if let Some(message) = message {
                text.push_text("\n\n");
                text.push_markup(language.owner_donor_says(message).as_str());
            }
            text
        }
        OwnerNotice::DonationRefund { order_id, price } => {
            language.owner_donation_refunded(title, language.money(price), order_id.to_string())
        }
        OwnerNotice::Attention { reason, subject, detail } => {
            let detail: String = detail.chars().take(DETAIL_CHARS_MAX).collect();
            language.owner_attention(title, language.reason(*reason), subject, detail)
        }
    }
}

/// The buttons below it.
#[must_use]
pub fn owner_buttons(language: Language, channel_id: ChannelId, notice: &OwnerNotice) -> Option<Keyboard> {
    match notice {
        OwnerNotice::PayoutChange { counts_at, .. } => {
            let keep = Press::KeepPayout(channel_id, *counts_at).button(language.button_keep_payout());
            Some(Keyboard::column([keep]))
        }
        _ => None,
    }
}

/// The names of rights of the bot, as Telegram's settings call them.
#[must_use]
pub fn rights(language: Language, rights: &[BotRight]) -> String {
    let name = |right: &BotRight| match right {
        BotRight::Administrator => language.right_administrator(),
        BotRight::InviteUsers => language.right_invite_users(),
        BotRight::RestrictMembers => language.right_restrict_members(),
        BotRight::PostMessages => language.right_post_messages(),
        BotRight::DeleteMessages => language.right_delete_messages(),
    };
    rights.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A plan in one line.
#[must_use]
pub fn plan_line(language: Language, label: &str, price: &Money, duration: &PlanDuration) -> Html {
    language.plan_line(label, language.money(price), language.duration(duration))
}

/// Lines below a heading.
#[must_use]
pub fn lines(heading: &Html, lines: impl IntoIterator<Item = Html>) -> Html {
    let mut text = heading.clone();
    for line in lines {
        text.push_markup("\n");
        text.push_markup(line.as_str());
    }
    text
}

/// An address with its memo.
#[must_use]
pub fn wallet(payout: &Payout) -> String {
    match &payout.memo {
        Some(memo) => format!("{} ({memo})", payout.address),
        None => payout.address.clone(),
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::attention::Reason;
    use tollhouse_core::id::OrderId;

    use super::*;

    /// Whether Telegram can read it: only tags that it knows, each closed where it belongs, and no stray character of markup.
    fn is_readable(html: &Html) -> bool {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = html.as_str();
        while let Some(at) = rest.find(['<', '>', '&']) {
            rest = &rest[at..];
            let Some((mark, after)) = rest.split_once(if rest.starts_with('&') { ';' } else { '>' }) else {
                return false;
            };
            match mark {
                "&lt" | "&gt" | "&amp" | "&quot" => {}
                "<b" | "<i" | "<code" => open.push(&mark[1..]),
                "</b" | "</i" | "</code" if open.pop() == Some(&mark[2..]) => {}
                _ => return false,
            }
            rest = after;
        }
        open.is_empty() && html.visible_chars() <= tollhouse_telegram::MESSAGE_CHARS_MAX
    }

    proptest::proptest! {
        #[test]
        fn f66_no_text_of_others_breaks_a_message(title in ".{1,255}", label in ".{1,255}", detail in ".{0,2000}", which in 0..Reason::ALL.len()) {
            let order_id = OrderId(uuid::Uuid::from_u128(7));
            let price: tollhouse_core::money::Money = "2.50 USD".parse().unwrap();
            let notices = [
                OwnerNotice::Sale { order_id, price: price.clone(), user: None, renewal: true },
                OwnerNotice::PartialPayment { order_id, remaining: Some(price.clone()) },
                OwnerNotice::Refund { order_id, price: price.clone(), kept: true },
                OwnerNotice::Attention { reason: Reason::ALL[which], subject: detail.clone().chars().take(255).collect(), detail },
            ];
            let duration = tollhouse_core::channel::PlanDuration::Lifetime;
            for language in Language::ALL {
                for notice in &notices {
                    proptest::prop_assert!(is_readable(&owner(language, Some(&title), notice)));
                    proptest::prop_assert!(is_readable(&owner(language, None, notice)));
                }
                let (price, duration) = (language.money(&price), language.duration(&duration));
                proptest::prop_assert!(is_readable(&language.offer(&title, &label, price.clone(), duration.clone())));
                proptest::prop_assert!(is_readable(&language.renewal_offer(&title, &label, price, duration)));
                proptest::prop_assert!(is_readable(&language.choose_plan(&title)));
                proptest::prop_assert!(is_readable(&language.order_paid(&title, language.until(None))));
                proptest::prop_assert!(is_readable(&language.farewell_back(&title)));
            }
        }
    }

    #[test]
    fn what_telegram_cannot_read_is_noticed() {
        for broken in ["<b>", "</b>", "<b><i></b></i>", "a < b", "a & b", "<vip>", "a > b"] {
            assert!(!is_readable(&Html::markup(broken)), "{broken}");
        }
        assert!(is_readable(&Html::markup("<b>a &lt; b</b>")));
    }

    #[test]
    fn f66_no_title_breaks_a_message() {
        for language in Language::ALL {
            for inside in [false, true] {
                let html = access(language, "<b>&\"Signals_*{ $until }", None, None, inside);
                assert!(
                    html.as_str().contains("<b>&lt;b&gt;&amp;&quot;Signals_*{ $until }</b>"),
                    "{}",
                    html.as_str()
                );
                assert_eq!(html.as_str().matches("<b>").count(), 1);
            }
        }
    }
}
