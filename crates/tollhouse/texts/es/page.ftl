# Las páginas del comprador. Texto sencillo: la página lo protege y pone el marcado.
page_title = { $heading } · { $title }
page_languages = Idioma
page_offline = Sin conexión. Esta página seguirá sola en cuanto vuelva.
page_access_days = Acceso por { $days ->
    [one] { $days } día
   *[other] { $days } días
}
page_access_lifetime = Acceso para siempre
page_step_pay = Pago
page_step_seen = Visto
page_step_confirmed = Confirmado
page_step_inside = Dentro
page_step_done = (hecho)
page_wait_heading = Esperando tu pago
page_wait_text = En cuanto aparezca en la red, esta página cambiará sola.
page_choose_heading = ¿Cómo quieres pagar?
page_choose_text = Elige la moneda que tienes. La red importa: envía por la que se indica.
page_more_coins = { $count ->
    [one] { $count } moneda más
   *[other] { $count } monedas más
}
page_or = o
page_hosted_button = Pagar en NOWPayments
page_hosted_preparing = Se prepara otra forma de pago. Aparecerá aquí en un momento.
page_coin_refused = { $coin } no se puede usar para este importe. Elige otra moneda, por favor.
page_coin_unusable = no para este importe
page_preparing_heading = Obteniendo tu dirección…
page_preparing_text = Pedimos una dirección para { $coin }. Tarda unos segundos.
page_another_coin = Elegir otra moneda
page_amount_label = Envía exactamente
page_address_label = A esta dirección · { $network }
page_memo_label = Con este memo o tag
page_memo_must = El memo o tag es obligatorio: sin él no se encuentra tu pago.
page_copy = Copiar
page_copy_what = Copiar: { $what }
page_copied = Copiado
page_open_wallet = Abrir en tu monedero
page_qr_pay = Código QR para tu monedero: { $coin }
page_qr_telegram = Código QR que abre Telegram
page_network_note = Envía solo { $ticker } por la red { $network }. Cualquier otra cosa puede perderse.
page_fee_note = La comisión de red de tu monedero va aparte. Deben llegar exactamente { $amount }: si pagas desde un exchange, comprueba que su comisión no se descuente.
page_left_label = Tiempo restante
page_what_next = Cuando llegue recibirás una invitación que solo tú puedes usar. Puedes cerrar esta página y volver; no se pierde nada.
page_seen_heading = Hemos visto tu pago
page_seen_text = La red lo está confirmando. El reloj se ha parado; no hay nada más que hacer.
page_confirmed_heading = Tu pago está confirmado
page_confirmed_text = Está en su último paso. Después llega tu acceso.
page_close_note = Puedes cerrar esta página y volver más tarde; no se pierde nada.
page_bot_note = El mismo enlace te espera en el bot: @{ $bot }.
page_partial_heading = Ha llegado una parte del precio
page_partial_text = Falta { $rest }. Envía exactamente eso a la misma dirección y estarás dentro.
page_partial_blind = Falta { $rest }. Envía exactamente eso a la misma dirección y en la misma moneda que antes y estarás dentro.
page_owner_decides = El dueño del canal ya lo sabe y decide. No tienes que hacer nada.
page_late_heading = Tu pago llegó tarde
page_late_text = Llegó cuando el pedido ya había caducado. Tu dinero está registrado; el dueño del canal ya lo sabe y decide.
page_paid_heading = Pagado. ¡Gracias!
page_paid_lasts = Tu acceso dura { $until }.
page_overpaid = Pagaste { $amount } de más; queda registrado.
page_open_telegram = Abrir en Telegram
page_claim_text = Queda un paso: pulsa Iniciar en el bot. Eso vincula el acceso a tu cuenta de Telegram, una sola vez, y tu tiempo empieza.
page_invite_text = Solicita unirte con la cuenta de Telegram que compró; entrarás al momento. El enlace no funciona para nadie más.
page_scan_telegram = ¿Telegram en el móvil? Escanea esto
page_making_text = Tu invitación se está creando; aparecerá aquí en un momento.
page_ask_owner_text = Pide al dueño del canal que vincule este pedido a tu cuenta de Telegram.
page_joined_text = Ya estás dentro del canal.
page_expired_heading = No llegó ningún pago a tiempo
page_expired_text = Si has pagado de todos modos, se aceptará en cuanto llegue: guarda esta página.
page_again_button = Empezar un pedido nuevo
page_failed_heading = El pago ha fallado
page_failed_text = El proveedor no pudo aceptarlo y no se ha registrado nada. Si el dinero salió de tu monedero, pregunta al dueño del canal antes de volver a pagar.
page_refunded_heading = Este pago fue reembolsado
page_refunded_text = El acceso que daba ha terminado.
page_order_label = Pedido
page_payment_label = Pago
page_help = ¿Alguna pregunta? Da el número de pedido al dueño del canal.
page_order_bad = Esto no es un número de pedido
page_order_unknown = No existe ese pedido
page_order_open_again = Abre de nuevo el enlace tal como lo recibiste, por favor.
page_address_bad = Esta dirección no es como la dimos
page_form_bad = No se pudo leer este formulario
page_form_bad_text = No llegó como lo envía nuestra página. No se hizo nada; abre de nuevo la página y elige otra vez.
page_busy = Un momento, por favor
page_busy_text = En este momento no podemos consultarlo. No se ha perdido nada; esta página lo intenta de nuevo sola.
page_link_pay = Pagar { $price }
page_link_first = Paga en cripto, desde cualquier monedero.
page_link_second = Mira cómo llega el pago; no hay nada que enviar ni que demostrar.
page_link_third = Recibe una invitación que solo tú puedes usar.
page_link_unknown = No existe ese enlace
page_link_copied_whole = Comprueba que lo copiaste entero, por favor.
page_link_revoked = Este enlace fue retirado
page_link_expired = Este enlace ha caducado
page_link_used_up = Este enlace está agotado
page_link_retired = Esto ya no está a la venta
page_link_ask = Pide uno nuevo al dueño del canal, por favor.
page_foreign_heading = Esto no vino de nuestra página
page_foreign_text = Otro sitio intentó pulsar un botón por ti. No se ha hecho nada; abre nuestra página y púlsalo tú.
page_refunded_kept = Tu acceso se mantiene.
page_invoice_unavailable = El proveedor de pagos no da una página de pago en este momento. Se le vuelve a pedir solo.
page_invoice_below = Este precio es menor que el importe mínimo que el proveedor de pagos acepta ahora, así que no se puede pagar. El dueño ya lo sabe.
page_invoice_given_up = El proveedor de pagos no creó una página de pago. El dueño ya lo sabe.
page_arrived_heading = Tu pago ha llegado
page_invoice_below_least = Este precio es menor que el importe mínimo que el proveedor de pagos acepta ahora ({ $least }), así que no se puede pagar. El dueño ya lo sabe.
page_limited = Llegan demasiadas peticiones desde tu dirección. Inténtalo de nuevo dentro de { $seconds ->
    [one] { $seconds } segundo
   *[other] { $seconds } segundos
}, por favor. No se pierde nada.
