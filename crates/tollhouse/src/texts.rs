//! What people read in Telegram. HTML that no title can break (F66): every text from outside is escaped at this boundary.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tollhouse_core::job::OwnerNotice;
use tollhouse_telegram::Html;

/// An end in words, in UTC.
#[must_use]
pub fn until(ends_at: Option<Timestamp>) -> String {
    ends_at.map_or_else(|| "for ever".to_owned(), |end| format!("until {}", date(end)))
}

fn date(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// The message that brings access.
#[must_use]
pub fn access(title: &str, ends_at: Option<Timestamp>, inside: bool) -> Html {
    let mut text = Html::text("");
    if inside {
        text.push_text("Thank you! Your access to ");
        bold(&mut text, title);
        text.push_text(&format!(" now lasts {}.", until(ends_at)));
    } else {
        text.push_text("Thank you! Your access to ");
        bold(&mut text, title);
        text.push_text(&format!(
            " lasts {}. Open the link and ask to join; you are let in at once. It works for you only.",
            until(ends_at)
        ));
    }
    text
}

/// What is said to somebody whose join request is declined.
#[must_use]
pub fn declined(title: &str) -> Html {
    let mut text = Html::text("Your request to join ");
    bold(&mut text, title);
    text.push_text(" was declined: there is no paid access for this Telegram account. If you paid with another account, ask to join with that one.");
    text
}

/// What the bot answers to a bare /start.
#[must_use]
pub fn hello() -> Html {
    Html::text(
        "Hello! I let paying members into their channels. If you paid for one, your link comes here as soon as the payment arrives.",
    )
}

/// What the bot answers to a claim.
#[must_use]
pub fn claimed() -> Html {
    Html::text(
        "This order is now bound to your Telegram account. Your link comes as soon as the payment is there.",
    )
}

/// What the owner is told.
#[must_use]
pub fn owner(title: &str, notice: &OwnerNotice) -> Html {
    let mut text = Html::text("");
    bold(&mut text, title);
    match notice {
        OwnerNotice::Sale { order_id, price, user, renewal } => {
            let what = if *renewal { "renewed" } else { "sold" };
            let who = user.map_or_else(
                || "a buyer without a Telegram account so far".to_owned(),
                |user| format!("Telegram user {user}"),
            );
            text.push_text(&format!(": {what} for {price} to {who}.\nOrder {order_id}"));
        }
        OwnerNotice::PartialPayment { order_id, remaining } => {
            let rest = remaining.as_ref().map_or_else(|| "an unknown rest".to_owned(), ToString::to_string);
            text.push_text(&format!(
                ": a part of the price has arrived, {rest} is missing.\nOrder {order_id}"
            ));
        }
        OwnerNotice::Refund { order_id, price, kept } => {
            let access = if *kept { "stays, as you have set it" } else { "has ended" };
            text.push_text(&format!(
                ": {price} was refunded, the access that it gave {access}.\nOrder {order_id}"
            ));
        }
        OwnerNotice::Attention { reason, subject, detail } => {
            text.push_text(&format!(": needs you. {}\n{subject} {detail}", reason.sentence()));
        }
    }
    text
}

fn bold(html: &mut Html, text: &str) {
    html.push_markup("<b>");
    html.push_text(text);
    html.push_markup("</b>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f66_no_title_breaks_a_message() {
        let html = access("<b>&\"Signals_*", None, false);
        assert!(html.as_str().contains("<b>&lt;b&gt;&amp;"), "{}", html.as_str());
        assert_eq!(html.as_str().matches("<b>").count(), 1);
    }
}
