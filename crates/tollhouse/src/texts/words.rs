//! Every message that there is: its name in the fluent files and the variables that it uses. Each is a method of [`Language`].

use tollhouse_telegram::Html;

use super::Language;
#[cfg(test)]
use super::catalog::Declared;
use super::catalog::{self, Value};

/// Declares messages of one kind: `plain` gives text, `markup` gives Telegram's HTML with its values escaped.
macro_rules! messages {
    (plain $list:ident { $($(#[$doc:meta])* $name:ident($($variable:ident),*);)* }) => {
        impl Language {
            $($(#[$doc])* #[must_use]
            pub fn $name(self $(, $variable: impl Into<Value>)*) -> String {
                catalog::plain(self, stringify!($name), &[$((stringify!($variable), $variable.into())),*])
            })*
        }
        messages!(@list $list false { $($name($($variable),*);)* });
    };
    (markup $list:ident { $($(#[$doc:meta])* $name:ident($($variable:ident),*);)* }) => {
        impl Language {
            $($(#[$doc])* #[must_use]
            pub fn $name(self $(, $variable: impl Into<Value>)*) -> Html {
                catalog::markup(self, stringify!($name), &[$((stringify!($variable), $variable.into())),*])
            })*
        }
        messages!(@list $list true { $($name($($variable),*);)* });
    };
    (@list $list:ident $is_markup:literal { $($name:ident($($variable:ident),*);)* }) => {
        #[cfg(test)]
        const $list: &[Declared] = &[$(Declared {
            name: stringify!($name),
            variables: &[$(stringify!($variable)),*],
            is_markup: $is_markup,
        }),*];
    };
}

messages!(plain COMMON {
    /// A number of days.
    days(days);
    /// What has no end, as what is bought.
    lifetime();
    /// What has no end, as how long something lasts.
    for_ever();
    /// How long something lasts.
    until_date(date);
    /// A day and a time of it, in UTC.
    date(day, month, year, time);
});

messages!(plain TELEGRAM_PLAIN {
    /// The button below an access message, for somebody outside.
    button_join();
    /// The button below an access message, for somebody inside.
    button_open_channel();
    /// The button below a reminder.
    button_renew();
    /// The button below an offer, to the order's page.
    button_pay();
});

messages!(markup TELEGRAM {
    /// Brings the link to somebody outside.
    access_link(title, until);
    /// Tells somebody inside how long it now lasts.
    access_longer(title, until);
    /// A reminder before the end.
    reminder(title, date);
    /// The reminder at the end; until when one can stay.
    reminder_over(title, date);
    /// To who was shown out.
    farewell(title);
    /// The same, with a way back.
    farewell_back(title);
    /// The answer to `/mylink` without access.
    no_access();
    /// What a renewal costs.
    renewal_offer(title, label, price, duration);
    /// The answer to a renewal that cannot be.
    no_renewal();
    /// Why a join request is declined.
    join_declined(title);
    /// The answer to a bare /start.
    hello();
    /// The answer to a claim.
    order_claimed();
    /// The owner: a sale.
    owner_sold(title, price, buyer, order);
    /// The owner: a renewal.
    owner_renewed(title, price, buyer, order);
    /// The owner: a part of a price.
    owner_part_paid(title, rest, order);
    /// The owner: a refund.
    owner_refunded(title, price, order);
    /// The owner: a refund after which the access stays, by the channel's policy.
    owner_refunded_kept(title, price, order);
    /// The owner: something needs a person.
    owner_attention(title, reason, subject, detail);
});

messages!(plain OWNER_PLAIN {
    /// A buyer, by Telegram's number.
    buyer_account(user);
    /// A buyer who has not yet bound an account.
    buyer_unknown();
    /// A rest that cannot be told.
    rest_unknown();
});

/// Every message.
#[cfg(test)]
pub(super) fn declared() -> impl Iterator<Item = &'static Declared> {
    [COMMON, TELEGRAM_PLAIN, TELEGRAM, OWNER_PLAIN].into_iter().flatten()
}
