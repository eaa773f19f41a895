//! What owners read of the bot: setting a channel up, and what becomes of it.

use super::*;

messages!(plain OWNER_BUTTONS {
    /// The button that keeps the payout address as it is.
    button_keep_payout();
    /// The button that begins to set a chat up.
    button_setup(title);
    /// The button that takes the chat's own title.
    button_keep_title(title);
    /// The button to one more plan.
    button_more_plans();
    /// The button to the next question.
    button_go_on();
    /// The button past a question.
    button_skip();
    /// The button past the question for a wallet.
    button_later();
    /// The button that says that a wallet needs no memo.
    button_no_memo();
    /// The button that makes the channel.
    button_create();
    /// The button that ends a dialogue.
    button_cancel();
    /// The button that asks for a change.
    button_change();
    /// The button to the next page.
    button_more();
    /// The button to a channel that is not sold any more.
    button_archived(title);
    /// The button to a channel's plans.
    button_plans();
    /// The button to a channel's members.
    button_members();
    /// The button to a channel's sales.
    button_sales();
    /// The button to the payout address.
    button_payout();
    /// The button to the card above.
    button_back();
    /// The button to a new plan.
    button_add_plan();
    /// The button to a plan's payment link.
    button_link();
    /// The button that takes a plan off sale.
    button_retire();
    /// The button to another payout address.
    button_change_payout();
    /// A right of the bot.
    right_administrator();
    /// A right of the bot, as Telegram's settings call it.
    right_invite_users();
    /// A right of the bot, as Telegram's settings call it.
    right_restrict_members();
    /// A right of the bot, as Telegram's settings call it.
    right_post_messages();
    /// A right of the bot, as Telegram's settings call it.
    right_delete_messages();
});

messages!(markup OWNER_TEXTS {
    /// To who has made the bot an administrator of a chat that can be sold.
    greet(title);
    /// To who has made the bot an administrator of a public chat.
    greet_public(title);
    /// To who has made the bot an administrator, and may not sell the chat.
    greet_not_yours(title);
    /// Chats that wait to be set up.
    greet_waiting();
    /// The answer to who may not sell the chat.
    setup_not_yours();
    /// The answer where anybody can read the chat.
    setup_is_public(title);
    /// The answer where the chat is a channel's already.
    setup_taken();
    /// The answer where the chat is an archived channel's, of somebody else.
    setup_archived();
    /// What the bot lacks in a chat.
    setup_needs_rights(title, rights);
    /// The chat has another number now.
    setup_migrated(title);
    /// Telegram does not answer.
    telegram_away();
    /// The title.
    ask_title(title);
    /// The label of the first plan.
    ask_first_label();
    /// The label of a plan.
    ask_label();
    /// The price of a plan.
    ask_price(label);
    /// The duration of a plan.
    ask_duration();
    /// After a plan.
    ask_more_plans();
    /// The chat in which the offer stands.
    ask_public_chat();
    /// The coin of the wallet.
    ask_coin();
    /// The address of the wallet.
    ask_address(coin, network, example);
    /// The memo of the wallet.
    ask_memo();
    /// The summary before the channel is made.
    confirm_setup(title);
    /// Where the offer stands.
    confirm_public_chat(title);
    /// Where one is paid out.
    confirm_payout(address, coin);
    /// No wallet.
    confirm_no_payout();
    /// The channel is made.
    setup_done(title);
    /// A text that is no title and no label.
    wrong_words(count);
    /// A text that is no price.
    wrong_price();
    /// A price of nothing.
    wrong_price_zero();
    /// An amount that is one and a half, or fifteen hundred.
    wrong_price_unclear(amount, more, less);
    /// A text that is no duration.
    wrong_duration(days);
    /// Two plans of one name.
    plan_label_twice(label);
    /// A new plan for a channel that is not sold any more.
    plan_archived(title);
    /// A new plan for a channel that has as many as it may.
    plan_limit(title, count);
    /// A chat that the bot does not know.
    offer_not_there();
    /// The chat itself.
    offer_same_chat();
    /// A chat of others.
    offer_not_yours(title);
    /// A coin whose addresses cannot be checked.
    payout_coin_unknown();
    /// Not an address of the network.
    address_wrong(network, example);
    /// An address with a wrong checksum.
    address_mistyped();
    /// An address of another network.
    address_other_network(found, network);
    /// Not a memo of the network.
    memo_wrong(network);
    /// An owner without a channel.
    owner_none();
    /// The list of one's channels.
    owner_channels();
    /// A channel or plan that is not there, or somebody else's.
    owner_no_channel();
    /// The heading of a card.
    owner_card(title);
    /// Nothing is on sale.
    owner_no_plans();
    /// A channel that is not sold any more.
    owner_archived();
    /// The heading of the plans.
    owner_plans(title);
    /// A plan in one line.
    plan_line(label, price, duration);
    /// A plan that is not on sale.
    owner_plan_retired();
    /// Before a plan is taken off sale.
    confirm_retire(label);
    /// A plan's payment link.
    owner_link(bot, page);
    /// The heading of the members.
    owner_members(title, count);
    /// A member.
    member_inside(user, until);
    /// A member who has not joined.
    member_outside(user, until);
    /// A member whose time is over, and who is not shown out before another moment.
    member_grace(user, end, due);
    /// A member whose time and grace are over, and who was not shown out yet.
    member_over(user, end);
    /// The heading of the sales.
    owner_sales(title);
    /// What was sold in so many days.
    sales_sum(days, count, sums);
    /// There were more than are added up.
    sales_at_least();
    /// A sale.
    sale_line(date, price, buyer);
    /// A change of the payout address that waits.
    owner_payout_waits(address, coin, date);
    /// Before the payout address is changed.
    confirm_payout_change(address, coin, hours);
    /// A change of the payout address was stopped.
    payout_kept();
    /// There is no such change any more.
    payout_change_gone();
    /// The owner: the bot lacks rights.
    owner_rights_lost(title, chat, rights);
    /// The owner: the bot has its rights again.
    owner_rights_back(title, chat);
    /// The owner: the payout address is to change.
    owner_payout_change(title, address, coin, date);
    /// The owner: the payout address has changed.
    owner_payout_changed(title, address, coin);
    /// The owner: a change of the payout address was taken back.
    owner_payout_kept(title, address);
    /// Who owns a channel from now on.
    owner_channel_given(title);
    /// Who has owned a channel until now.
    owner_channel_taken(title);
});
