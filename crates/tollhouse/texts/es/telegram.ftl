# Los mensajes del bot. <b>, <i> y <code> son marcado; los valores los protege el programa.
access_link = ¡Gracias! Tu acceso a <b>{ $title }</b> dura { $until }. Abre el enlace y solicita unirte; entrarás al momento. Solo funciona para ti.
access_longer = ¡Gracias! Tu acceso a <b>{ $title }</b> dura ahora { $until }.
button_join = Unirse
button_open_channel = Abrir el canal
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
