//! What a person is told about a row.

use serde::Serialize;

macro_rules! whys {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $says:literal, $help:literal;)*) => {
        /// What is the matter with a row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Why { $($(#[$doc])* $name,)* }

        impl Why {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What is the matter.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

whys! {
    /// A channel pair without a chat to sell.
    NoPrivateChat = "no_private_chat", "the closed channel's id is missing or is no chat id", "register the channel with `tollhouse channel add`, with the open channel as its public chat, then run the import again for its members";
    /// The rules refused the channel.
    ChannelRefused = "channel_refused", "the channel cannot be registered as it is", "mend what it says, or register the channel with `tollhouse channel add`, and run the import again";
    /// Two rows for one chat.
    SecondOffer = "second_offer", "its closed channel is offered through another open channel as well, and has only one here; its members are carried over", "payments that name this open channel in their old order reference (PGP-…) will wait in the attention list";
    /// The public chat cannot be used.
    NoPublicChat = "no_public_chat", "the open channel's id is missing or is no chat id, so that old order references (PGP-…) cannot lead to this channel", "put it right there and run the import again: what is missing here is filled in";
    /// A plan that cannot be sold.
    PlanLeftOut = "plan_left_out", "a plan cannot be sold as it stands there", "add it with `tollhouse channel plan add`";
    /// Nothing is on sale.
    NoPlan = "no_plan", "the channel has no plan on sale; its members are carried over all the same", "add one with `tollhouse channel plan add`";
    /// The channel was here before.
    PlansLeft = "plans_left", "the channel was registered here before and keeps its plans; not all of those there are among them", "compare with `tollhouse channel show`, and add what is missing with `tollhouse channel plan add`";
    /// Nobody is told.
    NoOwner = "no_owner", "there is no Telegram account of the owner: notification_id is missing or none, and client_id is an account of the old site", "put the owner's Telegram user id into notification_id there and run the import again";
    /// The wallet cannot be used.
    NoPayout = "no_payout", "coin and network of the payout wallet do not name a coin of NOWPayments that is known here, or the address is none of that coin", "note the wallet; nothing is paid out by Tollhouse yet";
    /// The member's channel is none of those.
    UnknownChannel = "unknown_channel", "its channel is neither a closed nor an open channel of main_clients_database, and is not registered here", "register the channel with `tollhouse channel add`, and run the import again";
    /// No Telegram account.
    NoUser = "no_user", "user_id is missing or is no Telegram user id", "find out who it is and give the days with `tollhouse membership grant`";
    /// No end.
    NoEnd = "no_end", "it has no expire_date", "look when the member paid and give the days with `tollhouse membership grant`";
    /// An end that cannot be.
    ImpossibleEnd = "impossible_end", "expire_date or expire_time is no date or time that can be", "look when the member paid and give the days with `tollhouse membership grant`";
    /// Never paid.
    NotPaid = "not_paid", "the provider's last word there is that it was not paid, and nobody was let in", "nothing: if money comes, its notification gives access by itself";
    /// Nothing says that it was paid.
    NoWordOfPayment = "no_word_of_payment", "is_active is false although its time is not over, and nothing there says that it was paid", "look whether the member paid and give the days with `tollhouse membership grant`; if money comes, its notification gives access by itself";
    /// The rules refused the member or the payment.
    Refused = "refused", "the rules refused it", "mend what it says and run the import again";
    /// The money went back.
    Refunded = "refunded", "its payment was refunded", "nothing; or give days with `tollhouse membership grant`";
    /// The money went back, the member did not.
    RefundedButActive = "refunded_but_active", "its payment was refunded, but the member was still let in; the time is carried over", "take it back with `tollhouse membership revoke` if that is what you want";
    /// The channel was named by its other chat.
    ByOpenChannel = "by_open_channel", "private_channel_id is the open channel of a pair; the closed one was taken", "nothing";
    /// Inactive too early.
    InactiveButNotOver = "inactive_but_not_over", "is_active is false although its time is not over; the time is carried over", "take it back with `tollhouse membership revoke` if the member was shut out on purpose";
    /// A day without a time.
    NoTime = "no_time", "it has no expire_time; the end of the day was taken", "nothing";
    /// So far off that it means for ever.
    FarFuture = "far_future", "its end is beyond the year 9999; that year was taken", "give a lifetime with `tollhouse membership grant --lifetime` if that was meant";
    /// Another row of the same member.
    DuplicateRow = "duplicate_row", "there is more than one row for this member and channel; the latest end counts", "nothing";
    /// A renewal that gave nothing.
    RenewalWithoutTime = "renewal_without_time", "its payment was processed later than the end allows for: a renewal that lengthened nothing", "if days are owed, give them with `tollhouse membership grant`";
    /// The payment is on another member's row too.
    PaymentOfAnother = "payment_of_another", "its payment pays for somebody else's access here; the time is carried over without it", "look at both with `tollhouse payment show`";
    /// It was taken back here.
    TakenBack = "taken_back", "what was carried over before was taken back here, and stays so", "nothing; or give days with `tollhouse membership grant`";
    /// A number of a payment that is none.
    NoPaymentId = "no_payment_id", "the payment's number is none; the access is carried over without it", "nothing; should the provider report the payment again, look at the attention list";
    /// An amount that cannot be used.
    AmountUnusable = "amount_unusable", "an amount cannot be read; it is left out", "nothing: the provider's own record has it";
    /// Processed, but nobody was let in.
    NeverSent = "never_sent", "the payment was processed, but no invite was ever sent for it and no member's row names it", "`tollhouse payment recover NUMBER` asks the provider and gives the access that was paid for";
    /// Nothing to hold it by.
    PaymentOfNobody = "payment_of_nobody", "the payment's number, user or channel is missing or none of those that are known", "if its channel is missing, register it with `tollhouse channel add` and run the import again; else look it up at NOWPayments; `tollhouse payment recover NUMBER --order ORDER` binds it to an order";
}

/// One thing that a person is told about a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The row.
    pub key: String,
    /// What is the matter, as a code.
    pub reason: &'static str,
    /// What is the matter, in words, with the row's own values.
    pub message: String,
    /// What to do.
    pub what_to_do: &'static str,
}

impl Finding {
    /// About a row; `detail` has what the row says, and may be empty.
    #[must_use]
    pub fn new(table: &'static str, key: &str, why: Why, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let message = if detail.is_empty() {
            why.sentence().to_owned()
        } else {
            format!("{} ({detail})", why.sentence())
        };
        Self { table, key: key.to_owned(), reason: why.as_str(), message, what_to_do: why.help() }
    }
}
