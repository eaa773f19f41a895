# Plazos y fechas, para páginas y mensajes.
days = { $days ->
    [one] { $days } día
   *[other] { $days } días
}
lifetime = para siempre
for_ever = para siempre
until_date = hasta el { $date }
date = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }, { $time } UTC
