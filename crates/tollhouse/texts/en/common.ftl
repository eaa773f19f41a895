# Durations and dates, for pages and messages.
days = { $days ->
    [one] { $days } day
   *[other] { $days } days
}
lifetime = for ever
for_ever = for ever
until_date = until { $date }
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $time } UTC
