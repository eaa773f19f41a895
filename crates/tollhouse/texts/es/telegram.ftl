# Los mensajes del bot. <b>, <i> y <code> son marcado; los valores los protege el programa.
access_link = ¡Gracias! Tu acceso a <b>{ $title }</b> dura { $until }. Abre el enlace y solicita unirte; entrarás al momento. Solo funciona para ti.
access_longer = ¡Gracias! Tu acceso a <b>{ $title }</b> dura ahora { $until }.
access_link_over = Tu acceso a <b>{ $title }</b> ha terminado, pero puedes estar dentro hasta el { $date }: abre el enlace y solicita unirte; entrarás al momento. Solo funciona para ti. Renueva antes y nada cambiará para ti.
button_join = Unirse
button_open_channel = Abrir el canal
button_renew = Renovar
button_pay = Pagar
button_order = Abrir el pedido
button_open_bot = Abrir el bot
press_old = Este botón es antiguo y ya no hace nada. /mylink te trae tu enlace; para comprar, abre otra vez el enlace de pago.
reminder = Tu acceso a <b>{ $title }</b> termina el { $date }. Si renuevas antes, el nuevo tiempo se suma al final: no pierdes nada.
reminder_over = Tu acceso a <b>{ $title }</b> ha terminado. Puedes quedarte hasta el { $date }; renueva antes y nada cambiará para ti.
farewell = Tu acceso a <b>{ $title }</b> ha terminado y has salido del chat. Gracias por haber estado.
farewell_back = Tu acceso a <b>{ $title }</b> ha terminado y has salido del chat. Gracias por haber estado. Puedes volver cuando quieras.
no_access = Esta cuenta de Telegram no tiene acceso en este momento. Si pagaste en la web, abre la página de tu pedido y pulsa el botón que hay allí.
renewal_offer = <b>{ $title }</b>: { $label }, { $duration } por { $price }. El tiempo se suma al que ya tienes.
no_renewal = Esto no se puede renovar: no es tuyo o ya no se vende.
lasts_for_ever = Tu acceso a <b>{ $title }</b> dura para siempre: no hay nada que comprar. /mylink te trae tu enlace.
join_declined = Tu solicitud para unirte a <b>{ $title }</b> fue rechazada: esta cuenta de Telegram no tiene un acceso pagado. Si pagaste con otra cuenta, solicita unirte con ella.
join_too_many_chats = Has solicitado unirte a <b>{ $title }</b>, y puedes. Pero estás en tantos grupos y canales como permite Telegram: sal de uno y entrarás sin hacer nada más en las próximas horas. No hace falta que lo solicites otra vez; /mylink te deja entrar al momento.
hello = ¡Hola! Dejo entrar en sus canales a quienes han pagado. Si pagaste por uno, tu enlace llegará aquí en cuanto se reciba el pago. Para vender el acceso a un canal o grupo tuyo, hazme su administrador.
order_claimed = Este pedido queda vinculado a tu cuenta de Telegram. Tu enlace llegará en cuanto se reciba el pago.
offer = <b>{ $title }</b>: { $label }, { $duration } por { $price }. Pagas en criptomonedas; en cuanto se reciba el pago, tu enlace llegará aquí. Solo funciona para ti.
link_unknown = Este enlace de pago no existe. Comprueba que lo copiaste entero o pide uno nuevo al dueño del canal.
link_revoked = El dueño del canal ha retirado este enlace de pago. Pídele uno nuevo.
link_expired = Este enlace de pago ha caducado. Pide uno nuevo al dueño del canal.
link_used_up = Este enlace de pago ya se ha usado tantas veces como se podía. Pide uno nuevo al dueño del canal.
link_over = Esto ya no se vende. Pide un nuevo enlace de pago al dueño del canal.
buy_in_private = <b>{ $title }</b>: la compra se hace en un chat privado conmigo. Pulsa el botón.
order_unknown = No hay tal pedido para esta cuenta de Telegram. Si pagaste en la web, abre la página de tu pedido y pulsa el botón que hay allí.
order_unpayable = <b>{ $title }</b>: este pedido no se puede pagar en este momento; su página dice por qué. Se ha avisado al dueño del canal.
order_seen = <b>{ $title }</b>: se ha visto tu pago y la red lo está confirmando. No tienes que hacer nada más.
order_with_owner = <b>{ $title }</b>: lo que pagaste ha llegado. Se ha avisado al dueño del canal, que decidirá.
order_partly = <b>{ $title }</b>: ha llegado una parte del precio. Envía el resto, exactamente <code>{ $rest }</code>, a la misma dirección y en la misma moneda. En cuanto llegue, tu enlace llegará aquí.
order_paid = <b>{ $title }</b>: pagado, ¡gracias! Tu acceso dura { $until }. /mylink te trae otra vez tu enlace.
order_paid_over = <b>{ $title }</b>: este pedido se pagó y el acceso ha terminado. Puedes quedarte hasta el { $date }; renueva antes y nada cambiará para ti. /mylink te trae otra vez tu enlace.
order_over = <b>{ $title }</b>: este pedido se pagó; el acceso que daba ha terminado.
order_expired = <b>{ $title }</b>: no llegó ningún pago a tiempo. Si aun así has pagado, el pago valdrá en cuanto llegue.
order_failed = <b>{ $title }</b>: el pago falló y no se anotó nada. Si el dinero salió de tu monedero, pregunta al dueño del canal antes de volver a pagar. Si no, abre otra vez el enlace de pago.
order_refunded = <b>{ $title }</b>: este pago se reembolsó. El acceso que daba ha terminado.
order_refunded_kept = <b>{ $title }</b>: este pago se reembolsó. Tu acceso se mantiene.
dialogue_cancelled = Cancelado. No se ha guardado nada de ello.
dialogue_none = No hay nada que cancelar.
dialogue_closed = Respondes a una pregunta de hace demasiado tiempo, que ya está cerrada. Empieza de nuevo, por favor.
dialogue_refused = Esto no se puede hacer: { $why }
choose_plan = <b>{ $title }</b>: ¿por cuánto tiempo? Elige un plan; el pago llega en el paso siguiente.
choose_channel = ¿Qué quieres renovar?
order_paid_making = <b>{ $title }</b>: pagado, ¡gracias! Tu acceso dura { $until }. Tu enlace llega en un momento.
order_folded = <b>{ $title }</b>: este pedido sigue en un mensaje más reciente, más abajo.
button_other_plans = Otros planes
plan_button = { $label } · { $duration } · { $price }
press_over = Esto ya no se vende.
claim_unknown = Este enlace no pertenece a ningún pedido. Abre la página de tu pedido y pulsa el botón que hay allí.
claim_taken = Este pedido ya pertenece a otra cuenta de Telegram. Si no es tuya, pregunta al dueño del canal.
too_many = Son demasiadas peticiones a la vez. Espera un minuto; no se pierde nada.
press_too_many = Un momento, por favor: demasiadas pulsaciones a la vez.
try_later = Esto no funciona ahora mismo. Inténtalo de nuevo en unos minutos.
link_just_sent = Tu enlace se envió hace un momento: mira los mensajes de arriba.
link_making = Tu enlace se está creando y llega aquí en un momento. Si no llega, me falta el permiso para crearlo: ya se avisó al propietario del canal, y llegará en cuanto vuelva a tenerlo.
start_unknown = No conozco este enlace. Puede que sea antiguo o que no esté entero. Para comprar, abre un enlace de pago del canal; si ya pagaste, /mylink te trae tu enlace.
command_unknown = No conozco esta orden. /mylink te trae tu enlace mientras dure tu acceso. Para comprar, abre un enlace de pago del canal.
buyer_account = usuario de Telegram { $user }
buyer_unknown = un comprador aún sin cuenta de Telegram
no_channel_title = Sin canal
rest_unknown = un resto desconocido
owner_sold =
    <b>{ $title }</b>: venta de { $price }. Comprador: { $buyer }.
    Pedido { $order }
owner_renewed =
    <b>{ $title }</b>: renovación de { $price }. Comprador: { $buyer }.
    Pedido { $order }
owner_part_paid =
    <b>{ $title }</b>: ha llegado una parte del precio, falta { $rest }. El resto en la misma moneda lo completa solo, salvo que el canal te deje la decisión; o concede el acceso, o devuelve el dinero.
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
