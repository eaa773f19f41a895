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
        pub(super) const $list: &[Declared] = &[$(Declared {
            name: stringify!($name),
            variables: &[$(stringify!($variable)),*],
            is_markup: $is_markup,
        }),*];
    };
}

mod owner;

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
    /// The button below an offer, to where one pays.
    button_pay();
    /// The button to an order's page.
    button_order();
    /// The button in a group, to the private chat with the bot.
    button_open_bot();
    /// The answer to a button that means nothing to us.
    press_old();
    /// The button to the other plans of a channel.
    button_other_plans();
    /// A plan, as a button.
    plan_button(label, duration, price);
    /// The answer to a press or a word that cannot be worked in just now.
    try_later();
    /// The answer to a press of somebody who presses too much.
    press_too_many();
    /// The answer to the button of a plan that is not sold any more.
    press_over();
});

messages!(markup TELEGRAM {
    /// Brings the link to somebody outside.
    access_link(title, until);
    /// Tells somebody inside how long it now lasts.
    access_longer(title, until);
    /// Brings the link to somebody outside whose time is over; until when they can be inside.
    access_link_over(title, date);
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
    /// The answer to who would buy what they have for ever.
    lasts_for_ever(title);
    /// Why a join request is declined.
    join_declined(title);
    /// What keeps somebody out who may come in, and only they can mend.
    join_too_many_chats(title);
    /// The answer to a bare /start.
    hello();
    /// The answer to a claim.
    order_claimed();
    /// What a payment link sells.
    offer(title, label, price, duration);
    /// The answer to a payment link that does not exist.
    link_unknown();
    /// The answer to one that was taken back.
    link_revoked();
    /// The answer to one whose time is over.
    link_expired();
    /// The answer to one that has made as many orders as it may.
    link_used_up();
    /// The answer to one whose plan is not sold any more.
    link_over();
    /// The answer to a payment link in a group.
    buy_in_private(title);
    /// The answer to an order that does not exist, or is somebody else's: the same words, so that they tell nothing.
    order_unknown();
    /// An order below what the provider takes.
    order_unpayable(title);
    /// An order whose payment is being confirmed.
    order_seen(title);
    /// An order about whose payment a person decides.
    order_with_owner(title);
    /// An order of which a part is paid.
    order_partly(title, rest);
    /// An order that is paid.
    order_paid(title, until);
    /// The same, where the end has come; until when one can stay.
    order_paid_over(title, date);
    /// An order that was paid, and whose time is over.
    order_over(title);
    /// An order for which nothing came.
    order_expired(title);
    /// An order whose payment failed.
    order_failed(title);
    /// An order that was refunded.
    order_refunded(title);
    /// The same, where the access stays.
    order_refunded_kept(title);
    /// The answer to `/cancel`.
    dialogue_cancelled();
    /// The answer to `/cancel` when nothing was asked.
    dialogue_none();
    /// The answer to what was said to a question that is not open any more.
    dialogue_closed();
    /// What the rules refuse, where nothing else is said of it.
    dialogue_refused(why);
    /// The same, before the link is made.
    order_paid_making(title, until);
    /// What was an order's message, when there is a newer one.
    order_folded(title);
    /// Above the plans of a channel.
    choose_plan(title);
    /// Above the channels that somebody is a member of.
    choose_channel();
    /// The answer to a claim that belongs to no order.
    claim_unknown();
    /// The answer to a claim that another account has used.
    claim_taken();
    /// The answer to somebody who asks too much, once.
    too_many();
    /// The answer to `/mylink` of somebody whose link is still to be made.
    link_making();
    /// The answer to `/mylink` of somebody who has just got it.
    link_just_sent();
    /// The answer to a start payload that means nothing to us.
    start_unknown();
    /// The answer to a command that is none of ours.
    command_unknown();
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
    /// In the place of a channel's title, where it is about none.
    no_channel_title();
});

messages!(plain ATTENTION {
    /// [`tollhouse_core::attention::Reason::NoOrderId`].
    reason_no_order_id();
    /// [`tollhouse_core::attention::Reason::UnknownOrder`].
    reason_unknown_order();
    /// [`tollhouse_core::attention::Reason::UnknownChannel`].
    reason_unknown_channel();
    /// [`tollhouse_core::attention::Reason::NoPlan`].
    reason_no_plan();
    /// [`tollhouse_core::attention::Reason::UnmatchedPrice`].
    reason_unmatched_price();
    /// [`tollhouse_core::attention::Reason::PriceMismatch`].
    reason_price_mismatch();
    /// [`tollhouse_core::attention::Reason::FinishedShort`].
    reason_finished_short();
    /// [`tollhouse_core::attention::Reason::Underpaid`].
    reason_underpaid();
    /// [`tollhouse_core::attention::Reason::ChildPayment`].
    reason_child_payment();
    /// [`tollhouse_core::attention::Reason::WrongAsset`].
    reason_wrong_asset();
    /// [`tollhouse_core::attention::Reason::AmountUnusable`].
    reason_amount_unusable();
    /// [`tollhouse_core::attention::Reason::UnknownStatus`].
    reason_unknown_status();
    /// [`tollhouse_core::attention::Reason::Contradiction`].
    reason_contradiction();
    /// [`tollhouse_core::attention::Reason::PaidTwice`].
    reason_paid_twice();
    /// [`tollhouse_core::attention::Reason::NothingAdded`].
    reason_nothing_added();
    /// [`tollhouse_core::attention::Reason::Overpaid`].
    reason_overpaid();
    /// [`tollhouse_core::attention::Reason::PaidAfterRefund`].
    reason_paid_after_refund();
    /// [`tollhouse_core::attention::Reason::Late`].
    reason_late();
    /// [`tollhouse_core::attention::Reason::StrangerInside`].
    reason_stranger_inside();
    /// [`tollhouse_core::attention::Reason::MemberBanned`].
    reason_member_banned();
    /// [`tollhouse_core::attention::Reason::RemovalsStopped`].
    reason_removals_stopped();
    /// [`tollhouse_core::attention::Reason::JobDead`].
    reason_job_dead();
    /// [`tollhouse_core::attention::Reason::BelowMinimum`].
    reason_below_minimum();
    /// [`tollhouse_core::attention::Reason::InvoiceNotMade`].
    reason_invoice_not_made();
    /// [`tollhouse_core::attention::Reason::Internal`].
    reason_internal();
    /// [`tollhouse_core::attention::Reason::OfferNotPosted`].
    reason_offer_not_posted();
    /// [`tollhouse_core::attention::Reason::MoneyNotCredited`].
    reason_money_not_credited();
    /// [`tollhouse_core::attention::Reason::AdminStays`].
    reason_admin_stays();
    /// [`tollhouse_core::attention::Reason::RightsMissing`].
    reason_rights_missing();
    /// [`tollhouse_core::attention::Reason::DonationAfterRefund`].
    reason_donation_after_refund();
    /// [`tollhouse_core::attention::Reason::DonationOdd`].
    reason_donation_odd();
});

messages!(markup OFFER {
    /// On top of an offer.
    post_head(title);
    /// A plan in an offer.
    post_plan(label, duration, price);
    /// How one buys from an offer.
    post_how();
    /// That one can donate.
    post_donate();
    /// What is left of a post that could not be taken down.
    post_over();
    /// Asks for the amount of a donation.
    donation_ask(title, least, most);
    /// The answer to what is no amount.
    donation_amount_bad(least, most, example);
    /// The answer where no donations are taken.
    donation_closed();
    /// A donation that waits for its payment.
    donation_offer(title, price);
    /// Asks for a donor's message.
    donor_ask(most);
    /// A donor's message was noted.
    donor_noted(title);
    /// A donor's message is too long.
    donor_too_long(most);
    /// A donor's message comes when the owner has been told.
    donor_late();
    /// Who cancels the question for a message is told that the donation stays.
    donation_kept(title);
    /// A donation that has arrived.
    donation_arrived(title);
    /// A donation below what the provider takes.
    donation_too_small(title);
    /// A donation whose payment failed.
    donation_failed(title);
    /// A donation that was refunded.
    donation_refunded(title);
    /// The owner: a donation.
    owner_donated(title, price, donor, order);
    /// The owner: another amount than the donor had chosen.
    owner_donated_part(title, price, donor, order, received);
    /// The owner: more of a donation.
    owner_donated_more(title, price, donor, order, received);
    /// The owner: what the donor says.
    owner_donor_says(message);
    /// The owner: a donation was refunded.
    owner_donation_refunded(title, price, order);
    /// The owner: above what is said of an offer.
    offer_card(title);
    /// The owner: the offer is being posted.
    offer_posting();
    /// The owner: the offer stands.
    offer_stands(date);
    /// The owner: the offer does not stand.
    offer_nowhere();
    /// The owner: how often the offer is posted.
    offer_every(hours);
    /// The owner: the same, and when next.
    offer_every_next(hours, date);
    /// The owner: the offer has no schedule.
    offer_on_demand();
    /// The owner: there is no chat to post in.
    offer_no_chat();
    /// The owner: there is nothing to offer.
    offer_refused();
});

messages!(plain OFFER_PLAIN {
    /// The button of a plan below an offer.
    button_plan(label, duration, price);
    /// The button below an offer, to a donation.
    button_donate();
    /// The button to a channel's offer.
    button_offer();
    /// Posts the offer.
    button_post_now();
    /// Posts it every day.
    button_every_day();
    /// Posts it every week.
    button_every_week();
    /// Posts it only when asked for.
    button_when_asked();
    /// A donor, by Telegram's number.
    donor_account(user);
    /// A donor without an account.
    donor_unknown();
    /// What is paid for, where it is a donation.
    page_donation();
    /// The last step of a donation's way.
    page_step_donated();
    /// A donation has arrived.
    page_donated_heading();
    /// A donation has arrived.
    page_donated_text();
    /// Another amount than was chosen has arrived.
    page_donated_part(received);
    /// What happens after paying a donation.
    page_donation_next();
    /// The network has confirmed a donation.
    page_donation_confirmed();
    /// A donation was refunded.
    page_donation_refunded();
    /// The amount is too small.
    page_donation_below();
    /// The amount is too small, and the least is known.
    page_donation_below_least(least);
});

messages!(plain PAGE {
    /// The title of an order's window.
    page_title(heading, title);
    /// Names the choice of a language.
    page_languages();
    /// No connection.
    page_offline();
    /// What a plan of days gives.
    page_access_days(days);
    /// What a lifetime plan gives.
    page_access_lifetime();
    /// A step of the way.
    page_step_pay();
    /// A step of the way.
    page_step_seen();
    /// A step of the way.
    page_step_confirmed();
    /// A step of the way.
    page_step_inside();
    /// Said of a step to those who do not see its colour.
    page_step_done();
    /// The order waits.
    page_wait_heading();
    /// What a page that waits does.
    page_wait_text();
    /// The choice of a coin.
    page_choose_heading();
    /// The choice of a coin.
    page_choose_text();
    /// Opens the rest of the coins.
    page_more_coins(count);
    /// Between two ways to pay.
    page_or();
    /// The provider's own page.
    page_hosted_button();
    /// The provider's own page is being made.
    page_hosted_preparing();
    /// The provider took no payment in this coin.
    page_coin_refused(coin);
    /// As many coins were tried as may be.
    page_coins_tried(count);
    /// On a coin that was refused.
    page_coin_unusable();
    /// A payment is being made.
    page_preparing_heading();
    /// A payment is being made.
    page_preparing_text(coin);
    /// Back to the choice.
    page_another_coin();
    /// Above an amount.
    page_amount_label();
    /// Above an address.
    page_address_label(network);
    /// The same where the network is not known.
    page_address_label_plain();
    /// Above a memo.
    page_memo_label();
    /// About a memo.
    page_memo_must();
    /// Copies a line.
    page_copy();
    /// Copies a line, said to those who do not see it.
    page_copy_what(what);
    /// A line was copied.
    page_copied();
    /// Opens a wallet.
    page_open_wallet();
    /// Names a QR code.
    page_qr_pay(coin);
    /// Names a QR code.
    page_qr_telegram();
    /// About coin and network.
    page_network_note(ticker, network);
    /// About a coin whose network is not known.
    page_network_unnamed(code);
    /// About the wallet's fee.
    page_fee_note(amount);
    /// Before the time that is left.
    page_left_label();
    /// What happens after paying.
    page_what_next();
    /// Money is on its way.
    page_seen_heading();
    /// Money is on its way.
    page_seen_text();
    /// The network has confirmed.
    page_confirmed_heading();
    /// The network has confirmed.
    page_confirmed_text();
    /// Nothing depends on the page.
    page_close_note();
    /// Where the link is, too.
    page_bot_note(bot);
    /// Partly paid.
    page_partial_heading();
    /// Partly paid.
    page_partial_text(rest);
    /// Partly paid, to an address that we do not know.
    page_partial_blind(rest);
    /// A person decides.
    page_owner_decides();
    /// Paid after the expiry.
    page_late_heading();
    /// Paid after the expiry.
    page_late_text();
    /// Paid.
    page_paid_heading();
    /// How long the access lasts.
    page_paid_lasts(until);
    /// More than the price came.
    page_overpaid(amount);
    /// Leads to Telegram.
    page_open_telegram();
    /// How an order is bound.
    page_claim_text();
    /// How one gets in.
    page_invite_text();
    /// For those at a computer.
    page_scan_telegram();
    /// The link is being made.
    page_making_text();
    /// The group has moved, and the link with it.
    page_moved_text();
    /// Paid, and over.
    page_over_heading();
    /// Paid, and over.
    page_over_text();
    /// There is no bot to bind an account.
    page_ask_owner_text();
    /// Inside.
    page_joined_text();
    /// Expired.
    page_expired_heading();
    /// Expired.
    page_expired_text();
    /// A way to try again.
    page_again_button();
    /// Failed.
    page_failed_heading();
    /// Failed.
    page_failed_text();
    /// Refunded.
    page_refunded_heading();
    /// Refunded.
    page_refunded_text();
    /// Before an order's number.
    page_order_label();
    /// Before a payment's number.
    page_payment_label();
    /// Where to ask.
    page_help();
    /// Not an order's id.
    page_order_bad();
    /// An unknown order.
    page_order_unknown();
    /// What helps.
    page_order_open_again();
    /// An address that says two things at once.
    page_address_bad();
    /// A form that is none of ours.
    page_form_bad();
    /// A form that is none of ours.
    page_form_bad_text();
    /// The store is out of reach.
    page_busy();
    /// The store is out of reach.
    page_busy_text();
    /// Goes to pay.
    page_link_pay(price);
    /// What happens, first.
    page_link_first();
    /// What happens, second.
    page_link_second();
    /// What happens, third.
    page_link_third();
    /// An unknown link.
    page_link_unknown();
    /// What helps.
    page_link_copied_whole();
    /// A revoked link.
    page_link_revoked();
    /// An expired link.
    page_link_expired();
    /// A link without uses left.
    page_link_used_up();
    /// A link to a plan that is not sold.
    page_link_retired();
    /// What helps.
    page_link_ask();
    /// A form of another site.
    page_foreign_heading();
    /// A form of another site.
    page_foreign_text();
    /// Refunded, and the owner's policy keeps the access.
    page_refunded_kept();
    /// The provider's page is not there yet.
    page_invoice_unavailable();
    /// The price is too small.
    page_invoice_below();
    /// The provider's page will not come.
    page_invoice_given_up();
    /// All of it is there, and a person decides.
    page_arrived_heading();
    /// The price is too small, and the least is known.
    page_invoice_below_least(least);
    /// Too many requests from one address.
    page_limited(seconds);
});

/// Every message.
#[cfg(test)]
pub(super) fn declared() -> impl Iterator<Item = &'static Declared> {
    [
        COMMON,
        TELEGRAM_PLAIN,
        TELEGRAM,
        OWNER_PLAIN,
        ATTENTION,
        OFFER,
        OFFER_PLAIN,
        PAGE,
        owner::OWNER_BUTTONS,
        owner::OWNER_TEXTS,
    ]
    .into_iter()
    .flatten()
}
