# The offer in a public chat, and donations: in the bot, on the order's page, and to the owner.
post_head = <b>{ $title }</b>
post_plan = • <b>{ $label }</b>: { $duration }, { $price }
post_how = Press a button: you buy in a private chat with me and pay in crypto. As soon as the payment arrives, your link comes there. It works for you only.
post_donate = Do you like what you read here? You can also donate.
post_over = This post is out of date. The present offer, if there is one, stands further down.
button_plan = { $label } · { $duration } · { $price }
button_donate = Donate
donation_ask = Thank you for wanting to support <b>{ $title }</b>! How much would you like to give? Press a button, or write an amount from { $least } to { $most }.
donation_amount_bad = That is no amount that can be donated here. Please write a number from { $least } to { $most }, for example { $example }.
donation_closed = Donations are not taken here at the moment. Thank you for the thought!
donation_offer = <b>{ $title }</b>: your donation of { $price }. You pay in crypto; the owner of the channel hears of it as soon as it arrives. Thank you!
donor_ask = Would you like to tell the owner something? Just write it here, at most { $most } characters: it reaches them together with your donation.
donor_noted = <b>{ $title }</b>: thank you! Your message reaches the owner together with your donation.
donor_too_long = That is too long. Please write at most { $most } characters.
donor_late = The owner has heard of this donation already; your message comes too late for it.
donation_kept = All right, there is no message. Your donation to <b>{ $title }</b> itself is not taken back: if you have not paid it, you can, with the button above; and if you do not, it lapses by itself.
donation_arrived = <b>{ $title }</b>: your donation has arrived, thank you! The owner of the channel has been told.
donation_too_small = <b>{ $title }</b>: this amount is too small for the payment provider. Please press the button under the channel's post again and choose a larger one.
donation_failed = <b>{ $title }</b>: the payment failed, and nothing was booked. If money has left your wallet, ask the owner of the channel before you give again. If not, press the button under the channel's post.
donation_refunded = <b>{ $title }</b>: this donation was refunded.
donor_account = Telegram user { $user }
donor_unknown = somebody without a Telegram account
owner_donated =
    <b>{ $title }</b>: a donation of { $price } from { $donor }.
    Order { $order }
owner_donated_part =
    <b>{ $title }</b>: a donation from { $donor } has arrived: { $received }. They had chosen { $price }.
    Order { $order }
owner_donated_more =
    <b>{ $title }</b>: more has arrived for a donation from { $donor }; in all { $received }. They had chosen { $price }.
    Order { $order }
owner_donor_says = They write: { $message }
owner_donation_refunded =
    <b>{ $title }</b>: a donation of { $price } was refunded.
    Order { $order }
page_donation = Donation
page_step_donated = Arrived
page_donated_heading = Your donation has arrived. Thank you!
page_donated_text = The owner of the channel has been told.
page_donated_part = What arrived: { $received }.
page_donation_next = When it arrives, the owner of the channel is told. You may close this page and come back; nothing is lost.
page_donation_confirmed = It is on its last step.
page_donation_refunded = Your donation has been given back.
page_donation_below = This amount is below the smallest that the payment provider takes now, so it cannot be paid. Please choose a larger one in the bot.
page_donation_below_least = This amount is below the smallest that the payment provider takes now ({ $least }), so it cannot be paid. Please choose a larger one in the bot.
offer_card = The offer of <b>{ $title }</b>
offer_posting = It is being posted now; the former post goes as soon as the new one stands.
offer_stands = It stands in the public chat since { $date }.
offer_nowhere = It does not stand anywhere at the moment.
offer_every = It is posted every { $hours ->
    [one] hour
   *[other] { $hours } hours
}.
offer_every_next = It is posted every { $hours ->
    [one] hour
   *[other] { $hours } hours
}, next on { $date }.
offer_on_demand = It is posted only when you ask for it.
offer_no_chat = This channel has no public chat in which an offer could stand.
offer_refused = There is nothing to offer: no plan is on sale.
button_offer = Offer
button_post_now = Post it now
button_every_day = Every day
button_every_week = Every week
button_when_asked = Only when I ask
