# The bot's messages. <b>, <i> and <code> are markup; values are escaped by the program.
access_link = Thank you! Your access to <b>{ $title }</b> lasts { $until }. Open the link and ask to join; you are let in at once. It works for you only.
access_longer = Thank you! Your access to <b>{ $title }</b> now lasts { $until }.
access_link_over = Your access to <b>{ $title }</b> has ended, but you can be inside until { $date }: open the link and ask to join; you are let in at once. It works for you only. Renew before, and nothing changes for you.
button_join = Join
button_open_channel = Open the channel
button_renew = Renew
button_pay = Pay
button_order = Open the order
button_open_bot = Open the bot
press_old = This button is of another time and does nothing any more. /mylink brings your link; to buy, open the payment link again.
reminder = Your access to <b>{ $title }</b> ends on { $date }. If you renew before, the new time is added to the end: you lose nothing.
reminder_over = Your access to <b>{ $title }</b> has ended. You can stay until { $date }; renew before, and nothing changes for you.
farewell = Your access to <b>{ $title }</b> is over, and you have been taken out of the chat. Thank you for having been there.
farewell_back = Your access to <b>{ $title }</b> is over, and you have been taken out of the chat. Thank you for having been there. You can come back at any time.
no_access = There is no access for this Telegram account at the moment. If you paid on the web, open your order's page and press the button there.
renewal_offer = <b>{ $title }</b>: { $label }, { $duration } for { $price }. The time is added to what you have.
no_renewal = This cannot be renewed: it is not yours, or it is not sold any more.
lasts_for_ever = Your access to <b>{ $title }</b> lasts for ever: there is nothing to buy. /mylink brings your link.
join_declined = Your request to join <b>{ $title }</b> was declined: there is no paid access for this Telegram account. If you paid with another account, ask to join with that one.
join_too_many_chats = You asked to join <b>{ $title }</b>, and you may. But you are in as many groups and channels as Telegram allows: leave one, and you are let in by itself within the next hours. You need not ask again; /mylink lets you in at once.
hello = Hello! I let paying members into their channels. If you paid for one, your link comes here as soon as the payment arrives. To sell access to a channel or group of your own, make me its administrator.
order_claimed = This order is now bound to your Telegram account. Your link comes as soon as the payment is there.
offer = <b>{ $title }</b>: { $label }, { $duration } for { $price }. You pay in crypto; as soon as the payment arrives, your link comes here. It works for you only.
link_unknown = There is no such payment link. Please check that you copied it whole, or ask the owner of the channel for a new one.
link_revoked = The owner of the channel has taken this payment link back. Please ask for a new one.
link_expired = This payment link has expired. Please ask the owner of the channel for a new one.
link_used_up = This payment link has been used as often as it may be. Please ask the owner of the channel for a new one.
link_over = This is not on sale any more. Please ask the owner of the channel for a new payment link.
buy_in_private = <b>{ $title }</b>: you buy in a private chat with me. Press the button.
order_unknown = There is no such order for this Telegram account. If you paid on the web, open your order's page and press the button there.
order_unpayable = <b>{ $title }</b>: this order cannot be paid at the moment; its page says why. The owner of the channel has been told.
order_seen = <b>{ $title }</b>: your payment was seen and is being confirmed by the network. There is nothing more to do.
order_with_owner = <b>{ $title }</b>: what you paid has arrived. The owner of the channel has been told and decides about it.
order_partly = <b>{ $title }</b>: a part of the price has arrived. Please send the rest, exactly <code>{ $rest }</code>, to the same address and in the same coin. As soon as it arrives, your link comes here.
order_paid = <b>{ $title }</b>: paid, thank you! Your access lasts { $until }. /mylink brings your link again.
order_paid_over = <b>{ $title }</b>: this order was paid, and the access has ended. You can stay until { $date }; renew before, and nothing changes for you. /mylink brings your link again.
order_over = <b>{ $title }</b>: this order was paid; the access that it gave is over.
order_expired = <b>{ $title }</b>: no payment came in time. If you have paid all the same, it is still honoured as soon as it arrives.
order_failed = <b>{ $title }</b>: the payment failed, and nothing was booked. If money has left your wallet, ask the owner of the channel before you pay again. If not, open the payment link again.
order_refunded = <b>{ $title }</b>: this payment was refunded. The access that it gave has ended.
order_refunded_kept = <b>{ $title }</b>: this payment was refunded. Your access stays.
dialogue_cancelled = Cancelled. Nothing of it was kept.
dialogue_none = There is nothing to cancel.
dialogue_closed = What you answer was asked too long ago, and is closed. Please begin again.
dialogue_refused = This cannot be done: { $why }
choose_plan = <b>{ $title }</b>: for how long? Choose a plan; nothing is paid before the next step.
choose_channel = What would you like to renew?
order_paid_making = <b>{ $title }</b>: paid, thank you! Your access lasts { $until }. Your link comes in a moment.
order_folded = <b>{ $title }</b>: this order goes on in a newer message below.
button_other_plans = Other plans
plan_button = { $label } · { $duration } · { $price }
press_over = This is not on sale any more.
claim_unknown = This link belongs to no order. Please open your order's page and press the button there.
claim_taken = This order already belongs to another Telegram account. If that is not yours, please ask the owner of the channel.
too_many = You are asking very much at once. Please wait a minute; nothing is lost.
press_too_many = One moment, please: too many presses at once.
try_later = This does not work just now. Please try again in a few minutes.
link_just_sent = Your link was sent a moment ago: please look at the messages above.
link_making = Your link is being made and comes here in a moment. If it does not, I lack the right to make one: the owner of the channel has been told, and it comes as soon as I have that right again.
start_unknown = I do not know this link. It may be an old one or not whole. To buy, open a payment link of the channel; if you have paid, /mylink brings your link.
command_unknown = I do not know this command. /mylink brings your link, for as long as your access lasts. To buy, open a payment link of the channel.
buyer_account = Telegram user { $user }
buyer_unknown = a buyer without a Telegram account so far
no_channel_title = No channel
rest_unknown = an unknown rest
owner_sold =
    <b>{ $title }</b>: sold for { $price } to { $buyer }.
    Order { $order }
owner_renewed =
    <b>{ $title }</b>: renewed for { $price } by { $buyer }.
    Order { $order }
owner_part_paid =
    <b>{ $title }</b>: a part of the price has arrived, { $rest } is missing. The rest in the same coin completes it by itself, unless the channel leaves that to you; or grant, or give the money back.
    Order { $order }
owner_refunded =
    <b>{ $title }</b>: { $price } was refunded, the access that it gave has ended.
    Order { $order }
owner_refunded_kept =
    <b>{ $title }</b>: { $price } was refunded, the access that it gave stays, as you have set it.
    Order { $order }
owner_attention =
    <b>{ $title }</b>: needs you. { $reason }
    { $subject } { $detail }
