# Los mensajes del bot. <b>, <i> y <code> son marcado; los valores los protege el programa.
access_link = ¡Gracias! Tu acceso a <b>{ $title }</b> dura { $until }. Abre el enlace y solicita unirte; entrarás al momento. Solo funciona para ti.
access_longer = ¡Gracias! Tu acceso a <b>{ $title }</b> dura ahora { $until }.
button_join = Unirse
button_open_channel = Abrir el canal
button_renew = Renovar
button_pay = Pagar
reminder = Tu acceso a <b>{ $title }</b> termina el { $date }. Si renuevas antes, el nuevo tiempo se suma al final: no pierdes nada.
reminder_over = Tu acceso a <b>{ $title }</b> ha terminado. Puedes quedarte hasta el { $date }; renueva antes y nada cambiará para ti.
farewell = Tu acceso a <b>{ $title }</b> ha terminado y has salido del chat. Gracias por haber estado.
farewell_back = Tu acceso a <b>{ $title }</b> ha terminado y has salido del chat. Gracias por haber estado. Puedes volver cuando quieras.
no_access = Esta cuenta de Telegram no tiene acceso en este momento. Si pagaste en la web, abre la página de tu pedido y pulsa el botón que hay allí.
renewal_offer = <b>{ $title }</b>: { $label }, { $duration } por { $price }. El tiempo se suma al que ya tienes.
no_renewal = Esto no se puede renovar: no es tuyo o ya no se vende.
join_declined = Tu solicitud para unirte a <b>{ $title }</b> fue rechazada: esta cuenta de Telegram no tiene un acceso pagado. Si pagaste con otra cuenta, solicita unirte con ella.
hello = ¡Hola! Dejo entrar en sus canales a quienes han pagado. Si pagaste por uno, tu enlace llegará aquí en cuanto se reciba el pago.
order_claimed = Este pedido queda vinculado a tu cuenta de Telegram. Tu enlace llegará en cuanto se reciba el pago.
buyer_account = usuario de Telegram { $user }
buyer_unknown = un comprador aún sin cuenta de Telegram
rest_unknown = un resto desconocido
owner_sold =
    <b>{ $title }</b>: venta de { $price }. Comprador: { $buyer }.
    Pedido { $order }
owner_renewed =
    <b>{ $title }</b>: renovación de { $price }. Comprador: { $buyer }.
    Pedido { $order }
owner_part_paid =
    <b>{ $title }</b>: ha llegado una parte del precio, falta { $rest }.
    Pedido { $order }
owner_refunded =
    <b>{ $title }</b>: se reembolsó { $price }; el acceso que daba ha terminado.
    Pedido { $order }
owner_refunded_kept =
    <b>{ $title }</b>: se reembolsó { $price }; el acceso que daba se mantiene, como lo configuraste.
    Pedido { $order }
owner_attention =
    <b>{ $title }</b>: te necesita. { $reason }
    { $subject } { $detail }
