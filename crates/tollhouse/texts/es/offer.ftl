# La oferta en un chat público y las donaciones: en el bot, en la página del pedido y para el dueño.
post_head = <b>{ $title }</b>
post_plan = • <b>{ $label }</b>: { $duration }, { $price }
post_how = Pulsa un botón: compras en un chat privado conmigo y pagas en criptomonedas. En cuanto se reciba el pago, tu enlace llegará allí. Solo funciona para ti.
post_donate = ¿Te gusta lo que lees aquí? También puedes hacer una donación.
post_over = Este mensaje ya no vale. La oferta actual, si la hay, está más abajo.
button_plan = { $label } · { $duration } · { $price }
button_donate = Donar
donation_ask = ¡Gracias por querer apoyar a <b>{ $title }</b>! ¿Cuánto te gustaría dar? Pulsa un botón o escribe un importe de { $least } a { $most }.
donation_amount_bad = Ese importe no se puede donar aquí. Escribe un número de { $least } a { $most }, por ejemplo { $example }.
donation_closed = En este momento aquí no se aceptan donaciones. ¡Gracias por la intención!
donation_offer = <b>{ $title }</b>: tu donación de { $price }. Pagas en criptomonedas; el dueño del canal lo sabrá en cuanto llegue. ¡Gracias!
donor_ask = ¿Quieres decirle algo al dueño? Escríbelo aquí, como máximo { $most } caracteres: le llegará junto con tu donación.
donor_noted = <b>{ $title }</b>: ¡gracias! Tu mensaje llegará al dueño junto con tu donación.
donor_too_long = Es demasiado largo. Escribe como máximo { $most } caracteres, por favor.
donor_late = El dueño ya sabe de esta donación; tu mensaje llega tarde.
donation_kept = De acuerdo, sin mensaje. Tu donación a <b>{ $title }</b> en sí no se retira: si aún no la has pagado, puedes hacerlo con el botón de arriba; y si no lo haces, caduca sola.
donation_arrived = <b>{ $title }</b>: tu donación ha llegado, ¡gracias! Se ha avisado al dueño del canal.
donation_too_small = <b>{ $title }</b>: este importe es demasiado pequeño para el proveedor de pagos. Pulsa otra vez el botón que está bajo el mensaje del canal y elige uno mayor.
donation_failed = <b>{ $title }</b>: el pago falló y no se anotó nada. Si el dinero salió de tu monedero, pregunta al dueño del canal antes de volver a donar. Si no, pulsa el botón que está bajo el mensaje del canal.
donation_refunded = <b>{ $title }</b>: esta donación se reembolsó.
donor_account = usuario de Telegram { $user }
donor_unknown = alguien sin cuenta de Telegram
owner_donated =
    <b>{ $title }</b>: donación de { $price }. Donante: { $donor }.
    Pedido { $order }
owner_donated_part =
    <b>{ $title }</b>: ha llegado una donación: { $received }. Se había elegido { $price }. Donante: { $donor }.
    Pedido { $order }
owner_donated_more =
    <b>{ $title }</b>: ha llegado más de una donación; en total { $received }. Se había elegido { $price }. Donante: { $donor }.
    Pedido { $order }
owner_donor_says = Mensaje: { $message }
owner_donation_refunded =
    <b>{ $title }</b>: se reembolsó una donación de { $price }.
    Pedido { $order }
page_donation = Donación
page_step_donated = Recibida
page_donated_heading = Tu donación ha llegado. ¡Gracias!
page_donated_text = Se ha avisado al dueño del canal.
page_donated_part = Ha llegado: { $received }.
page_donation_next = Cuando llegue, se avisará al dueño del canal. Puedes cerrar esta página y volver; no se pierde nada.
page_donation_confirmed = Está en su último paso.
page_donation_refunded = Tu donación ha sido devuelta.
page_donation_below = Este importe es menor que el mínimo que el proveedor de pagos acepta ahora, así que no se puede pagar. Elige uno mayor en el bot.
page_donation_below_least = Este importe es menor que el mínimo que el proveedor de pagos acepta ahora ({ $least }), así que no se puede pagar. Elige uno mayor en el bot.
offer_card = La oferta de <b>{ $title }</b>
offer_posting = Se está publicando; el mensaje anterior se retira en cuanto esté el nuevo.
offer_stands = Está en el chat público desde el { $date }.
offer_nowhere = En este momento no está publicada.
offer_every = Se publica cada { $hours ->
    [one] hora
   *[other] { $hours } horas
}.
offer_every_next = Se publica cada { $hours ->
    [one] hora
   *[other] { $hours } horas
}, la próxima vez el { $date }.
offer_on_demand = Se publica solo cuando lo pides.
offer_no_chat = Este canal no tiene un chat público donde pueda estar su oferta.
offer_refused = No hay nada que ofrecer: no hay ninguna tarifa a la venta.
button_offer = Oferta
button_post_now = Publicar ahora
button_every_day = Cada día
button_every_week = Cada semana
button_when_asked = Solo cuando lo pida
