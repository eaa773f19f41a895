# The buyer's pages. Plain words: the page escapes them and has the markup.
page_title = { $heading } · { $title }
page_languages = Language
page_offline = No connection. This page goes on by itself as soon as it is back.
page_access_days = Access for { $days ->
    [one] { $days } day
   *[other] { $days } days
}
page_access_lifetime = Access for ever
page_step_pay = Pay
page_step_seen = Seen
page_step_confirmed = Confirmed
page_step_inside = You are in
page_step_done = (done)
page_wait_heading = Waiting for your payment
page_wait_text = As soon as the network shows it, this page changes by itself.
page_choose_heading = How would you like to pay?
page_choose_text = Pick the coin that you have. The network matters: send on the one that is named.
page_more_coins = { $count ->
    [one] { $count } more coin
   *[other] { $count } more coins
}
page_or = or
page_hosted_button = Pay at NOWPayments
page_hosted_preparing = One more way to pay is being prepared. It appears here in a moment.
page_coin_refused = { $coin } cannot be used for this amount. Please pick another coin.
page_coin_unusable = not for this amount
page_preparing_heading = Getting your address…
page_preparing_text = We ask for an address for { $coin }. That takes a few seconds.
page_another_coin = Choose another coin
page_amount_label = Send exactly
page_address_label = To this address · { $network }
page_memo_label = With this memo or tag
page_memo_must = The memo or tag is required: without it your payment is not found.
page_copy = Copy
page_copy_what = Copy: { $what }
page_copied = Copied
page_open_wallet = Open in your wallet
page_qr_pay = QR code for your wallet: { $coin }
page_qr_telegram = QR code that opens Telegram
page_network_note = Send only { $ticker } on the { $network } network. Anything else may be lost.
page_fee_note = Your wallet's network fee comes on top. Exactly { $amount } must arrive: if you pay from an exchange, see that its fee is not taken out of it.
page_left_label = Time left
page_what_next = When it arrives you get an invite that only you can use. You may close this page and come back; nothing is lost.
page_seen_heading = Your payment was seen
page_seen_text = The network is confirming it. The clock has stopped; there is nothing more to do.
page_confirmed_heading = Your payment is confirmed
page_confirmed_text = It is on its last step. Your access comes next.
page_close_note = You may close this page and come back later; nothing is lost.
page_bot_note = The same link waits for you in the bot: @{ $bot }.
page_partial_heading = A part of the price has arrived
page_partial_text = { $rest } is missing. Send exactly this to the same address, and you are in.
page_partial_blind = { $rest } is missing. Send exactly this to the same address and in the same coin as before, and you are in.
page_owner_decides = The owner of the channel has been told and decides. There is nothing for you to do.
page_late_heading = Your payment came late
page_late_text = It arrived after the order had expired. Your money is on record; the owner of the channel has been told and decides.
page_paid_heading = Paid. Thank you!
page_paid_lasts = Your access lasts { $until }.
page_overpaid = You paid { $amount } more than needed; it is on record.
page_open_telegram = Open in Telegram
page_claim_text = One step is left: press Start in the bot. That binds the access to your Telegram account, once, and your time begins.
page_invite_text = Ask to join with the Telegram account that bought; you are let in at once. The link works for nobody else.
page_scan_telegram = Telegram is on your phone? Scan this
page_making_text = Your invite is being made; it appears here in a moment.
page_ask_owner_text = Ask the owner of the channel to bind this order to your Telegram account.
page_joined_text = You are inside the channel.
page_expired_heading = No payment came in time
page_expired_text = If you have paid all the same, it is still honoured as soon as it arrives: keep this page.
page_again_button = Start a new order
page_failed_heading = The payment failed
page_failed_text = The provider could not take it, and nothing was booked. If money has left your wallet, ask the owner of the channel before you pay again.
page_refunded_heading = This payment was refunded
page_refunded_text = The access that it gave has ended.
page_order_label = Order
page_payment_label = Payment
page_help = A question? Give the order number to the owner of the channel.
page_order_bad = This is no order number
page_order_unknown = There is no such order
page_order_open_again = Please open the link again just as you got it.
page_address_bad = This address is not as we gave it
page_form_bad = This form could not be read
page_form_bad_text = It did not arrive as our page sends it. Nothing was done; please open the page again and choose once more.
page_busy = One moment, please
page_busy_text = We cannot look this up at this moment. Nothing is lost; this page tries again by itself.
page_link_pay = Pay { $price }
page_link_first = Pay in crypto, from any wallet.
page_link_second = Watch the payment arrive; nothing to send or to prove.
page_link_third = Get an invite that only you can use.
page_link_unknown = There is no such link
page_link_copied_whole = Please check that you copied it whole.
page_link_revoked = This link was taken back
page_link_expired = This link has expired
page_link_used_up = This link is used up
page_link_retired = This is not on sale any more
page_link_ask = Please ask the owner of the channel for a new one.
page_foreign_heading = This did not come from our page
page_foreign_text = Another site tried to press a button for you. Nothing was done; open our page and press it yourself.
page_refunded_kept = Your access stays.
page_invoice_unavailable = The payment provider gives no payment page at this moment. It is asked again by itself.
page_invoice_below = This price is below the smallest amount that the payment provider takes now, so it cannot be paid. The owner has been told.
page_invoice_given_up = The payment provider made no payment page. The owner has been told.
page_arrived_heading = Your payment has arrived
page_invoice_below_least = This price is below the smallest amount that the payment provider takes now ({ $least }), so it cannot be paid. The owner has been told.
page_limited = Too many requests come from your address. Please try again in { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
}. Nothing is lost.
