# The bot's messages. <b>, <i> and <code> are markup; values are escaped by the program.
access_link = Thank you! Your access to <b>{ $title }</b> lasts { $until }. Open the link and ask to join; you are let in at once. It works for you only.
access_longer = Thank you! Your access to <b>{ $title }</b> now lasts { $until }.
button_join = Join
button_open_channel = Open the channel
button_renew = Renew
button_pay = Pay
reminder = Your access to <b>{ $title }</b> ends on { $date }. If you renew before, the new time is added to the end: you lose nothing.
reminder_over = Your access to <b>{ $title }</b> has ended. You can stay until { $date }; renew before, and nothing changes for you.
farewell = Your access to <b>{ $title }</b> is over, and you have been taken out of the chat. Thank you for having been there.
farewell_back = Your access to <b>{ $title }</b> is over, and you have been taken out of the chat. Thank you for having been there. You can come back at any time.
no_access = There is no access for this Telegram account at the moment. If you paid on the web, open your order's page and press the button there.
renewal_offer = <b>{ $title }</b>: { $label }, { $duration } for { $price }. The time is added to what you have.
no_renewal = This cannot be renewed: it is not yours, or it is not sold any more.
join_declined = Your request to join <b>{ $title }</b> was declined: there is no paid access for this Telegram account. If you paid with another account, ask to join with that one.
hello = Hello! I let paying members into their channels. If you paid for one, your link comes here as soon as the payment arrives.
order_claimed = This order is now bound to your Telegram account. Your link comes as soon as the payment is there.
buyer_account = Telegram user { $user }
buyer_unknown = a buyer without a Telegram account so far
rest_unknown = an unknown rest
owner_sold =
    <b>{ $title }</b>: sold for { $price } to { $buyer }.
    Order { $order }
owner_renewed =
    <b>{ $title }</b>: renewed for { $price } by { $buyer }.
    Order { $order }
owner_part_paid =
    <b>{ $title }</b>: a part of the price has arrived, { $rest } is missing.
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
